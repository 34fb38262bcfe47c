"""What a whole process is set to."""

import torch

from whyrelu.training.process import set_fp32


def test_fp32_is_fp32_unless_tf32_is_asked_for() -> None:
    for precision, expected, told in (("tf32", "tf32", "high"), ("32-true", "ieee", "highest")):
        set_fp32(precision)
        assert torch.backends.cudnn.conv.fp32_precision == torch.backends.cuda.matmul.fp32_precision == expected
        # Lightning asks, and an answer must not be an error
        assert torch.get_float32_matmul_precision() == told
