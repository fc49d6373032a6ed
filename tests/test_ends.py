"""How a command ends on Ctrl-C, or if the reader of its output has gone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
START = "import sys; from motionfit.__main__ import start; from motionfit import cli\n"
RUN = "\nsys.exit(start())"


def run(code: str, *arguments: object, **options) -> subprocess.CompletedProcess:
    """Runs `code`, which changes what a command does, and then the program."""
    return subprocess.run(
        [sys.executable, "-c", START + code + RUN, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **{"stdout": subprocess.PIPE} | options,
    )


INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT); "


def changed(body: str) -> str:
    """Code that replaces the command `schema`."""
    return f"def schema():\n    {body}\ncli.app['schema'].default_command = schema"


@pytest.mark.parametrize(
    "body",
    [
        INTERRUPT + "import time; time.sleep(60)",
        # Some libraries raise ImportError if they are interrupted while they are imported.
        "\n    try:\n        " + INTERRUPT + "\n    except BaseException:\n"
        "        raise ImportError('numpy.core.multiarray failed to import')",
    ],
)
def test_ctrl_c_prints_one_line(body):
    done = run(changed(body), "schema")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_ctrl_c_while_the_command_line_is_imported_prints_one_line():
    code = "del sys.modules['motionfit.cli']\nclass Finder:\n    def find_spec(self, name, *_):\n"
    code += (
        "        if name == 'motionfit.cli': " + INTERRUPT + "\nsys.meta_path.insert(0, Finder())"
    )
    done = run(code, "schema")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_ctrl_c_with_a_log_prints_one_line_in_both(tmp_path):
    code = f"def index():\n    {INTERRUPT} import time; time.sleep(60)\n"
    code += "del cli.stages['index']\ncli.stages.command(index)"
    done = run(code, "stage", "--log", tmp_path / "l", "index")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert (tmp_path / "l").read_text() == "interrupted\n"


def test_ctrl_c_leaves_no_partial_file_and_waits_for_no_thread(tmp_path):
    body = f"""
    import time
    from pathlib import Path
    from motionfit.files import replacing
    from motionfit.flow.parallel import thread_pool
    with replacing(Path({str(tmp_path / "file")!r})) as temporary, thread_pool(1) as pool:
        temporary.write_text("half")
        for _ in range(9): pool.submit(time.sleep, 60)
        {INTERRUPT}
        time.sleep(60)"""
    done = run(changed(body), "schema", timeout=30)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert not list(tmp_path.iterdir())


def test_ctrl_c_stays_ignored_if_the_shell_ignores_it():
    done = run(
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        + changed(INTERRUPT + "print('on')"),
        "schema",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")


def test_ctrl_c_during_a_training_prints_what_is_kept():
    body = "from motionfit.errors import InterruptedTrainingError as E; raise E('kept step 3')"
    done = run(changed(body), "schema")
    assert (done.returncode, done.stderr) == (130, "kept step 3\n")


@pytest.fixture
def closed_pipe():
    """The write end of a pipe whose read end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


LONG = "[print('a line', flush=True) for _ in range(9)]; raise SystemExit(5)"
RICH = "from rich.console import Console; Console().print('a line'); raise SystemExit(5)"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("argument", "body"),
    [("schema", LONG), ("schema", RICH), ("schema", "print('a line')"), ("--help", "pass")],
)
def test_a_closed_output_pipe_is_no_error(closed_pipe, monkeypatch, argument, body, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = run(changed(body), argument, stdout=closed_pipe)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_broken_pipe_is_an_error(closed_pipe):
    body = "import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')"
    done = run(changed(body), "schema")
    assert (done.returncode, done.stderr) == (1, "error: [Errno 32] Broken pipe\n")


def test_a_full_standard_output_gives_one_message():
    with Path("/dev/full").open("w") as full:
        done = run(changed("print('a line')"), "schema", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "(No space left on device)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_worker_processes_start_with_ctrl_c_blocked(tmp_path):
    from motionfit.clips.loading import stop_signals_blocked

    blocked = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with stop_signals_blocked():
        inside = subprocess.run([sys.executable, "-c", blocked], capture_output=True, check=True)
    after = subprocess.run([sys.executable, "-c", blocked], capture_output=True, check=True)
    assert (inside.stdout, after.stdout) == (b"True\n", b"False\n")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
