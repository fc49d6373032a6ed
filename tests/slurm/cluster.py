"""Starts a Slurm on this machine for the tests, with one node and two fake GPUs."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGS = Path("/etc/slurm")
"""Slurm reads its configuration from this folder, whatever SLURM_CONF says."""
MUNGE = Path("/run/munge")

SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
ReturnToService=2
MinJobAge=300
KillWait=5
JobRequeue=1
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=24:00:00 DefaultTime=10 State=UP
"""


def why_not() -> str:
    """The reason why Slurm can't be started here; '' if it can."""
    for program in ("slurmctld", "slurmd", "munged", "sbatch"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            return f"{program} is not installed (Debian: slurm-wlm and munge)"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm is not installed (pip install '.[slurm]')"
    if os.geteuid() != 0:
        return "only root can start Slurm"
    if (CONFIGS / "slurm.conf").exists():
        return f"this machine has a Slurm of its own ({CONFIGS}/slurm.conf)"
    if (MUNGE / "munge.socket.2").exists():
        return f"this machine has a munged of its own ({MUNGE}/munge.socket.2)"
    return ""


@contextmanager
def slurm() -> Iterator[Path]:
    """Runs Slurm. Yields its folder, with its configuration and logs."""
    folder = Path(tempfile.mkdtemp(prefix="motionfit-slurm-"))
    folder.chmod(0o755)  # munged runs as another user
    links = [CONFIGS / name for name in ("slurm.conf", "gres.conf", "cgroup.conf")]
    try:
        configure(folder)
        CONFIGS.mkdir(exist_ok=True)
        for link in links:
            link.symlink_to(folder / link.name)
        start(folder)
        yield folder
    finally:
        end_jobs()
        for daemon in ("slurmd", "slurmctld", "munged"):
            stop(folder / f"{daemon}.pid")
        for link in links:
            link.unlink(missing_ok=True)
        shutil.rmtree(folder)


def configure(folder: Path) -> None:
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir()
    text = SLURM_CONF.format(host=host, folder=folder, ports=free_ports(2))
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/gpu[0-1]\n")
    (folder / "cgroup.conf").write_text("CgroupMountpoint=/sys/fs/cgroup\nIgnoreSystemd=yes\n")
    for i in range(2):
        os.mknod(folder / f"gpu{i}", stat.S_IFCHR | 0o666, os.makedev(1, 3))  # as /dev/null
    key = folder / "munge" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    MUNGE.mkdir(exist_ok=True)
    for path in (folder / "munge", key, MUNGE):
        shutil.chown(path, "munge", "munge")
    (folder / "munge").chmod(0o700)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(folder: Path) -> None:
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    munge = pwd.getpwnam("munge")
    keep = {name: folder / "munge" / name for name in ("munged.log", "munged.seed")}
    subprocess.run(
        [
            "munged",
            f"--key-file={folder}/munge/munge.key",
            f"--log-file={keep['munged.log']}",
            f"--seed-file={keep['munged.seed']}",
            f"--pid-file={folder}/munge/munged.pid",
        ],
        check=True,
        env=environment,
        user=munge.pw_uid,
        group=munge.pw_gid,
        extra_groups=[],
    )
    (folder / "munged.pid").symlink_to(folder / "munge" / "munged.pid")
    for daemon in ("slurmctld", "slurmd"):
        subprocess.run([daemon], check=True, env=environment)
    end = time.monotonic() + 30
    while "idle" not in (state := output("sinfo", "--noheader", "--format=%T")):
        logs = [(folder / f"{daemon}.log").read_text() for daemon in ("slurmctld", "slurmd")]
        assert time.monotonic() < end, "\n".join([state, *logs])
        time.sleep(0.2)


def end_jobs() -> None:
    """Cancels jobs that a failed test has left behind, while Slurm still runs."""
    output("scancel", "--user=root")
    end = time.monotonic() + 20
    while output("squeue", "--noheader") and time.monotonic() < end:
        time.sleep(0.5)


def output(*command: str) -> str:
    """Output of a command. A command that fails, as Slurm's may when it is busy, gives what it has
    printed so far, usually ''."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def stop(pid_file: Path) -> None:
    """Ends the process of a pid file, if the file exists, and waits until it has ended."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.1)
