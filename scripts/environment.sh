# Sourced by demo.sh and test.sh: goes to the repository's root and makes .venv there, with the package and all that recipes and tests need.
# Does nothing where that is done: a stamp in .venv remembers what was asked for. PYTHON names another interpreter (3.11 or later).

cd "$(dirname "${BASH_SOURCE[0]}")/.."
_python="${PYTHON:-$(command -v python3.11 || command -v python3)}"
if ! "$_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or later is needed, and $_python is older or missing; name one: PYTHON=/path/to/python3.11 bash $0" >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    "$_python" -m venv .venv
fi
_wanted="$(cat pyproject.toml scripts/constraints.txt | sha256sum)"
if [ "$(cat .venv/installed 2>/dev/null)" != "$_wanted" ]; then
    echo "Installing into .venv (minutes the first time) ..."
    # torch by itself first: it is most of the download, and which build of it there is decides what else is needed.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile "$(grep '^torch==' scripts/constraints.txt)" || exit 1
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c scripts/constraints.txt -e '.[train,math,code,ifeval,recipes,wandb,trackio,deepspeed,judge,graders,metrics,optimize,report,serve,ray,test,check]' || exit 1
    # pip would compile 26,000 files one after the other. Some are templates, or for another Python, and do not compile.
    .venv/bin/python -m compileall -qq -j 0 .venv/lib || true
    echo "$_wanted" > .venv/installed
fi
# Nothing here needs a model hub, one thread a process is the fastest on few cores, and DeepSpeed need not say that it found no GPU.
export HF_HUB_OFFLINE=1 DS_ACCELERATOR="${DS_ACCELERATOR:-cpu}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" TOKENIZERS_PARALLELISM=false
