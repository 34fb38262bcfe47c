"""Prepare the data set of a configuration.

python src/prepare.py                                    scikit-learn's digits
python src/prepare.py experiment=cifar10                 the data set of a study
python src/prepare.py data=cifar10 data.url=/path/to/cifar-10-python.tar.gz data.md5=...
python src/prepare.py data=image_folder data.name=flowers data.root=/path/to/flowers data.test_size=500 ...

Downloads what is missing, checks it, and writes memory-mapped arrays to <prepared_root>/<data.name>/. What is there and
intact is left alone; what is damaged is mended. <prepared_root>/<study>.json says what the study's data are.
"""

from pathlib import Path

from whyrelu.commandline import overrides_from_arguments, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        overrides = overrides_from_arguments(__doc__)
        from whyrelu.config.grid import compose_grid
        from whyrelu.data.prepare import prepare, write_note

        config = compose_grid(overrides)[0].config
        root = Path(config["prepared_root"])
        facts = prepare(config["data"], root)
        write_note(facts, root / f"{config['study']}.json")
        md5 = facts["source"]["md5"]
        other = "" if md5 == facts["source"]["official_md5"] else f", not the official archive but md5 {md5}"
        print(f"{root / facts['name']}: {facts['train']} training and {facts['test']} test images{other}")
