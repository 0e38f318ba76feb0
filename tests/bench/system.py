# SPDX-License-Identifier: Apache-2.0
"""The machine: programs and what they cost, the page cache, free memory."""
import os, platform, resource, shutil, signal, subprocess, sys, tempfile, time

MIB, GIB = 1 << 20, 1 << 30
CORES = len(os.sched_getaffinity(0))


class BenchError(Exception):
    """What was run did not do the work that the row is about, or not all of it."""


# Those that may not be there, and the Debian package (or what else) has them.
PACKAGES = {'qemu-img': 'qemu-utils', 'qemu-io': 'qemu-utils', 'qemu-storage-daemon': 'qemu-system-common', 'vmdkmount': 'libvmdk-utils',
            'vhdimount': 'libvhdi-utils', 'fio': 'fio', 'rsync': 'rsync', 'strace': 'strace', 'fusermount3': 'fuse3',
            'azurite-blob': "npm's azurite", 'azcopy': "npm's @azure-tools/azcopy-linux", 'openssl': 'openssl'}


def find(program):
    """Its path; environment variables AZURITE and AZCOPY name theirs.  None: not installed."""
    named = os.environ.get({'azurite-blob': 'AZURITE', 'azcopy': 'AZCOPY'}.get(program, ''))
    return named if named and os.access(named, os.X_OK) else shutil.which(program)


def missing(*programs):
    """The package of the first that is not there."""
    for p in programs:
        if not find(p):
            return PACKAGES[p]
    return None


class Done:
    """A program that has ended: seconds of wall and processor, what it printed."""

    def __init__(self, argv, status, seconds, usage, out, err):
        self.argv, self.status, self.seconds, self.out, self.err = argv, status, seconds, out, err
        self.cpu = usage.ru_utime + usage.ru_stime


def run(argv, env=None, ok=(0,)):
    """Runs it to its end, its output in files so that nobody has to read it meanwhile."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        _, status, usage = os.wait4(p.pid, 0)
        seconds = time.monotonic() - started
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        done = Done(argv, p.returncode, seconds, usage, out.read().decode(errors='replace'), err.read().decode(errors='replace'))
    if ok is not None and done.status not in ok:
        raise BenchError('%s: status %d: %s' % (' '.join(argv[:6]), done.status, (done.err or done.out)[-400:].strip()))
    return done


class Daemon:
    """A program that runs until stop(), ready once `ready` says so.  One that forks and leaves its child behind, with status 0, is
    ended by whoever knows how."""

    def __init__(self, argv, ready, log, seconds=30):
        self.argv, self.log = argv, log
        with open(log, 'wb') as f:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT)
        until = time.monotonic() + seconds
        while not ready():
            if self.process.poll() or time.monotonic() > until:
                self.stop()
                with open(log, errors='replace') as f:
                    raise BenchError('%s does not start: %s' % (' '.join(argv[:4]), f.read()[-400:]))
            time.sleep(0.005)

    def cpu(self):
        with open('/proc/%d/stat' % self.process.pid) as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


# ---- the page cache ----

def evict(*paths):
    """Takes the files out of the page cache.  Nothing else on the machine is disturbed, as dropping all caches would."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def cached_bytes(path):
    return int(run(['fincore', '-b', '-n', '-o', 'RES', path]).out)


def read_ahead_of_time(*paths):
    """Into the page cache, so that a row begins with it there."""
    for path in paths:
        run(['dd', 'if=' + path, 'of=/dev/null', 'bs=1M', 'status=none'])


WARM = 'import mmap,sys; mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)'


def warm_memory(bytes_):
    """Touches so much free memory once: a virtual machine's may have gone back to its host, and the first touch then costs many
    times what reading into it does."""
    run([sys.executable, '-c', WARM, str(min(bytes_, available_memory() * 3 // 4))])


def available_memory():
    with open('/proc/meminfo') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('MemAvailable'))


class Others:
    """How much of the machine somebody else used between start and end: a share of all processors."""

    def __init__(self):
        self.busy, self.own, self.at = self.now()

    @staticmethod
    def now():
        with open('/proc/stat') as f:
            v = [int(x) for x in f.readline().split()[1:]]
        own = sum(os.times()[:4])
        return (sum(v[:3]) + sum(v[5:8])) / os.sysconf('SC_CLK_TCK'), own, time.monotonic()

    def share(self):
        busy, own, at = self.now()
        return max(0.0, min(1.0, (busy - self.busy - (own - self.own)) / ((at - self.at) * CORES)))


# ---- facts ----

def first_line(*argv):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10)
        return p.stdout.decode(errors='replace').strip().split('\n')[0][:100]
    except (OSError, subprocess.TimeoutExpired):
        return None


VERSIONS = {'vmdkmount': '-V', 'vhdimount': '-V', 'strace': '-V', 'openssl': 'version', 'fusermount3': '-V'}


def facts(liftfs, cflags, scratch, versions):
    cpu = None
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                cpu = line.split(':', 1)[1].strip()
    programs = {p: first_line(find(p), VERSIONS.get(p, '--version')) if versions else None for p in sorted(PACKAGES) if find(p)}
    fs = first_line('findmnt', '-n', '-o', 'FSTYPE,SOURCE', '-T', scratch)
    return {'cpu': cpu, 'cores': CORES, 'memory': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
            'kernel': platform.release(), 'system': first_line('sh', '-c', '. /etc/os-release && echo "$PRETTY_NAME"'),
            'file_system': ' '.join(fs.split()) if fs else None, 'liftfs': first_line(liftfs, '--version'), 'cflags': cflags,
            'root': os.geteuid() == 0, 'programs': programs}


def raise_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
