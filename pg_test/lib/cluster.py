"""Throwaway PostgreSQL clusters with splitplane loaded, for tests, the demo and the bench.

    from splitplane_test.cluster import Cluster
    with Cluster(settings={"splitplane.max_rows": 10}) as c:
        c.psql("postgres", "CREATE EXTENSION splitplane")
        psycopg.connect(c.dsn(user="app"))
        with c.standby() as replica:
            replica.dsn()

or, from a shell, with PGHOST, PGPORT and PGUSER set for the command:

    python -m splitplane_test.cluster [--set name=value]... -- psql postgres

A cluster lives in a folder of its own under /tmp that only the server's user may enter, listens on a unix socket there and
on nothing else, and runs the PostgreSQL of .tools/, never the machine's. PostgreSQL refuses to run as root: started by
root, it runs as `postgres`, or as `nobody` where there is no such user. Server and folder go when the `with` block is left,
by whatever way, SIGTERM included; if this process is killed outright, the kernel stops the server.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAJOR = subprocess.run([ROOT / "tools/pg-major.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
# Majors whose servers bring all that suites use, with extensions that are on our lists. What another one lacks is left out, and
# said; on these it is a failure.
WHOLE_MAJORS = ("15", "17")
# The setting that makes plans parallel whatever they cost has another name from 16 on.
FORCED_PARALLEL = "force_parallel_mode" if int(MAJOR) < 16 else "debug_parallel_query"
PORT = 5432
SUPERUSER = "postgres"
# Every superuser connection of ours says which user it means; the operating system's user never matters.
DEFAULT_SETTINGS: dict[str, object] = {
    "listen_addresses": "",
    "shared_preload_libraries": "splitplane",
    # Nothing here outlives the process, so nothing needs to outlive a power cut.
    "fsync": False,
    "synchronous_commit": False,
    "full_page_writes": False,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "max_wal_size": "4GB",
}
START_SECONDS = 60
# By the tree of PostgreSQL or its programs: a folder with a data directory as initdb made it.
_INITIALISED: dict[Path, Path] = {}
# What a server says of memory or resources that went wrong; SIGKILL is how tests kill.
TELLTALE = re.compile(
    r"was terminated by signal (?!9:)|TRAP: |detected write past chunk|problem in alloc set|bogus aset link"
    r"|(?:reference|snapshot|file|memory|cache|buffer refcount) leak"
)
STOP_SECONDS = 30


class ClusterError(Exception):
    """A server did not start or a command on it failed; the message ends with what it said."""


def private_tree(major: str = MAJOR) -> Path:
    """The folder that holds usr/lib/postgresql/NN and usr/share/postgresql/NN of this project."""
    named = os.environ.get("SPLITPLANE_PG_TREE") if major == MAJOR else None
    return Path(named or ROOT / ".tools" / f"pg{major}")


def _server_account() -> pwd.struct_passwd | None:
    """The account that server processes run as, or None when the caller's own will do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ClusterError("running as root, and neither a user postgres nor a user nobody exists")


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def settle() -> None:
    """Wait until a context that is signed now is not older than a server that has just started.

    A context dated before the server's start is refused, and its date has whole seconds. `start` and `restart` wait by
    themselves; a server that has come back from a crash by itself is not seen from here.
    """
    time.sleep(1.01 - time.time() % 1)


def die_with_parent(sent: int = signal.SIGQUIT) -> None:
    """In the child, before exec: ask the kernel for a signal when the parent is gone; SIGQUIT is PostgreSQL's immediate shutdown."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, sent, 0, 0, 0)


class _Server:
    """One server process on one data directory."""

    superuser = SUPERUSER
    port = PORT

    def __init__(self, base: Path, name: str, bindir: Path, account: pwd.struct_passwd | None, environment: Mapping[str, str]):
        self.base = base
        self.bindir = bindir
        self.data_dir = base / name
        self._socket_dir = base / f"{name}-socket"
        self._log = base / f"{name}.log"
        self._account = account
        # Nothing of the caller's environment: RUST_BACKTRACE would send build paths to clients, PG* would redirect tools.
        self._environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(base), **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._loads_splitplane = True
        # A program that the server is run by from its next start on, such as Valgrind, and how long a start may take.
        self.launcher: Sequence[str] = ()
        self.start_seconds: float = START_SECONDS

    @property
    def socket_dir(self) -> str:
        return str(self._socket_dir)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def dsn(self, dbname: str = "postgres", user: str = SUPERUSER, **more: object) -> str:
        """A libpq connection string; further keywords are added as they are."""
        fields: dict[str, object] = {"host": self.socket_dir, "port": self.port, "dbname": dbname, "user": user, **more}
        quoted = (str(value).replace("\\", "\\\\").replace("'", "\\'") for value in fields.values())
        return " ".join(f"{key}='{value}'" for key, value in zip(fields, quoted, strict=True))

    def connect(self, dbname: str = "postgres", user: str = SUPERUSER, **more):
        """A psycopg connection, in autocommit unless told otherwise."""
        import psycopg

        more.setdefault("autocommit", True)
        return psycopg.connect(self.dsn(dbname, user), **more)

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def psql(
        self,
        dbname: str,
        sql: str | Path,
        user: str = SUPERUSER,
        variables: Mapping[str, object] | None = None,
        check: bool = True,
    ) -> str:
        """Runs SQL text, or the file when given a Path, with psql; returns what it printed (unaligned, tuples only)."""
        command = [str(self.bindir / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        for name, value in (variables or {}).items():
            command += ["-v", f"{name}={value}"]
        command += ["-d", self.dsn(dbname, user)]
        if isinstance(sql, Path):
            command += ["-f", str(sql)]
        environment = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
        done = subprocess.run(command, input=None if isinstance(sql, Path) else sql, env=environment, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise ClusterError(f"psql failed on {dbname}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if check else done.stdout + done.stderr

    def createdb(self, name: str, template: str = "template0") -> None:
        quoted = name.replace('"', '""')
        self.psql("postgres", f'CREATE DATABASE "{quoted}" TEMPLATE {template}')

    def flush(self) -> str:
        """Put every commit so far on disk, where a crash does not reach it; the place in the log.

        Commits are asynchronous here; one synchronous commit takes all before it along, if it has written something.
        """
        mark = "SET synchronous_commit = on; SELECT pg_catalog.pg_logical_emit_message(true, 'flush', '') \\g /dev/null"
        return self.psql("postgres", f"{mark}\nSELECT pg_catalog.pg_current_wal_flush_lsn()").strip()

    def restart(self, mode: str = "fast") -> None:
        self._halt(mode)
        self._launch()

    def _as_server(self, *command: str | Path) -> str:
        """Runs one of PostgreSQL's own programs as the server's user."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.base,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **self._credentials(),
        )
        if done.returncode != 0:
            raise ClusterError(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _credentials(self) -> dict:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _configure(self, settings: Mapping[str, object]) -> None:
        lines = [f"{name} = '{_setting(value).replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
        with open(self.data_dir / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("\n".join(["", *lines, ""]))

    def _launch(self) -> None:
        self._socket_dir.mkdir(exist_ok=True)
        if self._account:
            os.chown(self._socket_dir, self._account.pw_uid, self._account.pw_gid)
        in_main_thread = threading.current_thread() is threading.main_thread()
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.launcher,
                    str(self.bindir / "postgres"),
                    *("-D", str(self.data_dir)),
                    *("-c", f"unix_socket_directories={self._socket_dir}"),
                    *("-c", f"port={self.port}"),
                ],
                cwd=self.base,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own: Ctrl-C at the terminal is for whoever talks to the server, not for the server.
                start_new_session=True,
                # The kernel watches the thread that starts the server, so only the main one will do.
                preexec_fn=die_with_parent if in_main_thread else None,
                **self._credentials(),
            )
        ready = [str(self.bindir / "pg_isready"), "-q", "-h", self.socket_dir, "-p", str(self.port)]
        deadline = time.monotonic() + self.start_seconds
        while subprocess.run(ready, env=self._environment).returncode != 0:
            if self._process.poll() is not None:
                raise ClusterError(f"the server stopped while starting:\n{self.log_text()[-4000:]}")
            if time.monotonic() > deadline:
                raise ClusterError(f"the server was not ready after {self.start_seconds:.0f} s:\n{self.log_text()[-4000:]}")
            time.sleep(0.05)
        if self._loads_splitplane:
            settle()

    def _halt(self, mode: str = "fast") -> None:
        """Stops the server; falls back to harder ways, so that it returns only when the process is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        first = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        for step, patience in ((first, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, None)):
            if process.poll() is None:
                process.send_signal(step)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
                return

    def _tell_crashes(self) -> None:
        """The log goes with the folder; that a process died of itself must not. SPLITPLANE_TELLTALES names a file for it too."""
        lines = self.log_text().splitlines()
        kept = os.environ.get("SPLITPLANE_TELLTALES")
        for number, line in enumerate(lines):
            if TELLTALE.search(line):
                told = "\n".join(["a server went wrong:", *lines[max(0, number - 3) : number + 2]])
                print(told, file=sys.stderr)
                if kept:
                    with open(kept, "a", encoding="utf-8") as file:
                        file.write(f"{told}\n\n")


class Standby(_Server):
    """A hot standby of a Cluster."""

    def __init__(self, primary: Cluster, name: str):
        super().__init__(primary.base, name, primary.bindir, primary._account, primary._extra_environment)
        self._primary = primary

    def catch_up(self, seconds: float = 30) -> None:
        """Returns when everything that the primary had written at the time of the call can be seen here."""
        target = self._primary.flush()
        question = f"SELECT coalesce(pg_catalog.pg_last_wal_replay_lsn() >= '{target}', false)"
        deadline = time.monotonic() + seconds
        while self.psql("postgres", question).strip() != "t":
            if time.monotonic() > deadline:
                raise ClusterError(f"the standby did not reach {target} in {seconds} s")
            time.sleep(0.05)


class Cluster(_Server):
    """A throwaway primary; see the module's text."""

    def __init__(
        self,
        settings: Mapping[str, object] | None = None,
        *,
        tree: Path | None = None,
        major: str = MAJOR,
        bindir: Path | None = None,
        autovacuum: bool = True,
        environment: Mapping[str, str] | None = None,
    ):
        """`tree` holds a PostgreSQL of this project's own; `bindir` has the programs of another one, which any user can run."""
        self._settings = {**DEFAULT_SETTINGS, "autovacuum": autovacuum, **(settings or {})}
        self._extra_environment = dict(environment or {})
        self._major = major
        self._tree = Path(tree) if tree else private_tree(major)
        self._given_bindir = bindir
        self._standbys = 0
        self._stopped = True
        self._old_handlers: dict[int, object] = {}

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Cluster:
        if self._given_bindir is None:
            self._check_tree()
        self._watch_signals()
        # Not $TMPDIR: a socket's path may have 107 bytes, and the server's user must be able to get there.
        base = Path(tempfile.mkdtemp(prefix="splitplane-", dir="/tmp"))
        self._stopped = False
        try:
            account = _server_account()
            if account:
                os.chown(base, account.pw_uid, account.pw_gid)
            bindir = self._given_bindir or self._usable_bindir(base, account)
            super().__init__(base, "data", bindir, account, self._extra_environment)
            self._initialise()
            self._configure(self._settings)
            self._loads_splitplane = self._preloads_splitplane
            self._launch()
        except BaseException:
            self.base = base
            self.stop()
            raise
        return self

    def _check_tree(self) -> None:
        library = self._tree / f"usr/lib/postgresql/{self._major}/lib/splitplane.so"
        if not (self._tree / "complete").exists():
            raise ClusterError("the project's PostgreSQL is not there: run tools/setup.sh")
        if self._preloads_splitplane and not library.exists():
            raise ClusterError("splitplane is not built: run tools/install-extension.sh")

    def _initialise(self) -> None:
        """The data directory: a copy of one that initdb made for the first cluster of this process, since that takes longer than all
        the rest of a start. Clusters of one process so have one system identifier."""
        made = _INITIALISED.get(self._given_bindir or self._tree)
        if made is None:
            made = Path(tempfile.mkdtemp(prefix="splitplane-initdb-", dir="/tmp"))
            atexit.register(shutil.rmtree, made, ignore_errors=True)
            if self._account:
                os.chown(made, self._account.pw_uid, self._account.pw_gid)
            options = ("-E", "UTF8", "--locale", "C.UTF-8", "-A", "trust", "-U", SUPERUSER, "-N")
            self._as_server(self.bindir / "initdb", "-D", made / "data", *options)
            _INITIALISED[self._given_bindir or self._tree] = made
        self._as_server("cp", "-a", made / "data", self.data_dir)

    @property
    def _preloads_splitplane(self) -> bool:
        return "splitplane" in str(self._settings["shared_preload_libraries"])

    def stop(self) -> None:
        if self._stopped:
            return
        # A second signal must not interrupt the cleaning up that the first one started.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self._stopped = True
            if hasattr(self, "_process"):
                self._halt("fast")
                self._tell_crashes()
            shutil.rmtree(self.base, ignore_errors=True)
            self._restore_signals()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    @contextlib.contextmanager
    def standby(self) -> Iterator[Standby]:
        """A hot standby, made by pg_basebackup; files of the data directory, key file included, come with it."""
        self._standbys += 1
        replica = Standby(self, f"standby{self._standbys}")
        try:
            backup = ("-D", replica.data_dir, "-d", self.dsn(), "-R", "-X", "stream", "-c", "fast")
            self._as_server(self.bindir / "pg_basebackup", *backup)
            replica._launch()
            replica.catch_up()
            yield replica
        finally:
            replica._halt("fast")
            replica._tell_crashes()
            shutil.rmtree(replica.data_dir, ignore_errors=True)

    def _usable_bindir(self, base: Path, account: pwd.struct_passwd | None) -> Path:
        """The tree's programs, or those of a copy when the server's user cannot get to the tree (a checkout in /root)."""
        bindir = self._tree / f"usr/lib/postgresql/{self._major}/bin"
        if account is None:
            return bindir
        reads = 'cat "$1"/lib/*.so "$2"/extension/*.control >/dev/null && exec "$1/bin/postgres" --version'
        lib, share = bindir.parent, self._tree / f"usr/share/postgresql/{self._major}"
        test = subprocess.run(
            ["/bin/sh", "-c", reads, "sh", str(lib), str(share)],
            cwd="/",
            capture_output=True,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
        )
        if test.returncode == 0:
            return bindir
        copy = base / "usr"
        for source in (lib, share):
            target = copy / source.relative_to(self._tree / "usr")
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("bitcode", "pgxs", "man"))
        self._open_to_server(copy, account)
        return copy / f"lib/postgresql/{self._major}/bin"

    @staticmethod
    def _open_to_server(top: Path, account: pwd.struct_passwd) -> None:
        for folder, _, files in os.walk(top):
            os.chown(folder, account.pw_uid, account.pw_gid)
            for name in files:
                os.chown(Path(folder) / name, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _watch_signals(self) -> None:
        """Turns SIGTERM and SIGHUP into SystemExit, so that `with` blocks are left and clean up."""
        if threading.current_thread() is not threading.main_thread():
            return

        def leave(number: int, _frame: object) -> None:
            raise SystemExit(128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                self._old_handlers[number] = signal.signal(number, leave)

    def _restore_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            self._old_handlers.clear()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run a command with a throwaway cluster.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a server setting")
    parser.add_argument("--bare", action="store_true", help="do not load splitplane")
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args(arguments)
    settings: dict[str, object] = dict(pair.split("=", 1) for pair in chosen.set)
    if chosen.bare:
        settings["shared_preload_libraries"] = ""
    with Cluster(settings) as cluster:
        path = f"{cluster.bindir}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        environment = {**os.environ, "PATH": path, "PGHOST": cluster.socket_dir, "PGPORT": str(cluster.port), "PGUSER": SUPERUSER}
        # Ctrl-C is the command's: psql cancels a query with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run(chosen.command, env=environment, restore_signals=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as problem:
        sys.exit(f"error: {problem}")
