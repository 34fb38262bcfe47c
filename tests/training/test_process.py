"""What a whole process is set to."""

import torch

from whyrelu.training.process import set_fp32


def test_fp32_is_fp32_unless_tf32_is_asked_for() -> None:
    for precision, expected, told in (("tf32", "tf32", "high"), ("32-true", "ieee", "highest")):
        set_fp32(precision)
        backends = torch.backends.cudnn, torch.backends.cuda.matmul
        assert {backends[0].conv.fp32_precision, backends[1].fp32_precision} == {expected}
        # by their older names, of which an answer must not be an error
        assert {each.allow_tf32 for each in backends} == {precision == "tf32"}
        assert torch.get_float32_matmul_precision() == told
