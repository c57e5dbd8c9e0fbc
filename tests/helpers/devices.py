"""Devices of tests: a real sshd on this machine, and a stand-in for adb that runs its commands here."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from nas.recording.devices.base import Reach

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Server:
    """An sshd of this user on a free port of this machine, and a client that keeps away from ~/.ssh."""

    def __init__(self, folder: Path) -> None:
        self.key, self.known = folder / "key", folder / "known_hosts"
        for name in ("key", "host_key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {folder}/key.pub\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        (folder / "ssh_config").write_text(f"UserKnownHostsFile {self.known}\nGlobalKnownHostsFile none\n")
        script(folder / "bin" / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"
        kind, key, _ = (folder / "host_key.pub").read_text().split()
        self.known.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        self.log = (folder / "log").open("w")
        line = [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")]
        self.process = subprocess.Popen(line, stderr=self.log)

    def answers(self) -> bool:
        assert self.process.poll() is None, Path(self.log.name).read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def reach(self, remote: Path) -> Reach:
        """How it is reached, with the Python of the tests, measuring in `remote`."""
        return Reach("127.0.0.1", self.port, str(self.key), python=sys.executable, remote=str(remote))

    def settings(self, remote: Path, /, **changed: str) -> list[str]:
        """The same as settings of nas.record."""
        settings = {key: value for key, value in asdict(self.reach(remote)).items() if value is not None}
        given = {"device": "ssh", **settings, **changed}
        return [f"{key}={value}" if key == "port" else f"{key}='{value}'" for key, value in given.items()]


ADB = """\
#!/bin/sh
# a phone whose /data is a folder here
moved() { printf %s "$1" | sed "s#/data/#$PHONE/data/#g"; }
[ "$1" = -s ] && { [ "$2" = XYZ ] || { echo "adb: device '$2' not found" >&2; exit 1; }; shift 2; }
verb=$1; shift
case $verb in
push) cp "$1" "$(moved "$2")" ;;
shell) cd "$PHONE" && exec sh -c "$(moved "$*")" ;;
esac
"""
RUN_AS = """\
#!/bin/sh
[ -d "$PHONE/data/data/$1" ] || { echo "run-as: unknown package: $1" >&2; exit 1; }
[ -e "$PHONE/release" ] && { echo "run-as: package not debuggable: $1" >&2; exit 1; }
cd "$PHONE/data/data/$1"; shift; exec "$@"
"""
PERF_TEST = """\
#!/bin/sh
# onnxruntime_perf_test in what matters here: each of -r runs takes as many ms as the model has kilobytes
echo "$*" >> calls.txt
[ "$ORT_DISABLE_TELEMETRY" = 1 ] || { echo "reports to its maker"; exit 1; }
while [ $# -gt 2 ]; do
    case $1 in -r) runs=$2 ;; -p) profile=$2 ;; esac
    shift
done
[ -f "$1" ] || { echo "Load model from $1 failed"; exit 255; }
bytes=$(wc -c < "$1")
events='{"cat":"Session","name":"run","dur":1}' number=0
while [ $number -lt $runs ]; do
    echo "fp32,$(printf '%d.%06d' $((bytes / 1000000)) $((bytes % 1000000))),1,1,$number" >> "$2"
    events="$events,{\\"cat\\":\\"Node\\",\\"name\\":\\"000.conv_kernel_time\\",\\"dur\\":$bytes,\\"args\\":{\\"op_name\\":\\"Conv\\"}}"
    number=$((number + 1))
done
[ -z "$profile" ] || echo "[$events]" > "${profile}_2026.json"
"""


def make_phone(folder: Path) -> Path:
    """Write adb and what else a phone has into `folder`/bin; the root folder of the phone, which has Termux."""
    script(folder / "bin" / "adb", ADB)
    script(folder / "bin" / "run-as", RUN_AS)
    script(folder / "bin" / "getprop", "#!/bin/sh\n[ $1 = ro.soc.model ] && echo Tensor || echo\n")
    script(folder / "bin" / "taskset", '#!/bin/sh\nexport MASK=$1; shift; exec "$@"\n')
    termux = folder / "phone" / "data" / "data" / "com.termux" / "files"
    script(termux / "usr" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for place in (termux / "home", termux / "usr" / "tmp", folder / "phone" / "data" / "local" / "tmp"):
        place.mkdir(parents=True)
    return folder / "phone"
