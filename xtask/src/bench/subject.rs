//! What is measured: a process of ours pinned to a core, its processor time and its memory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::floor::Sizes;
use super::message;
use crate::run;

/// Which program serves.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// The release build of `rollcall`, with this many shards.
    Rollcall { shards: usize },
    /// The same as document servers: its address is that of HTTP.
    Xcap,
    /// The same as Presence Server that has its presentities' rules, and as document servers.
    Rules,
    /// The same as Resource List Server.
    Lists {
        /// Milliseconds in which changes of a list are gathered.
        aggregation: u16,
    },
    /// A constant answer over the HTTP library.
    Bare,
    /// The toy floor.
    Toy,
    /// The raw floor.
    Floor(Sizes),
    /// A server that somebody else started and pinned.
    Other { address: SocketAddrV4, pid: i32 },
}

impl Subject {
    /// As a column's heading.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rollcall { .. } => "rollcall",
            Self::Xcap | Self::Rules | Self::Lists { .. } => "rollcall",
            Self::Bare => "floor",
            Self::Toy => "toy",
            Self::Floor(_) => "floor",
            Self::Other { .. } => "other",
        }
    }

    /// Threads that share the work.
    pub(crate) fn shards(&self) -> usize {
        if let Self::Rollcall { shards } = self { *shards } else { 1 }
    }
}

/// What the scheduler has counted for one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// The thread's number.
    pub(crate) thread: String,
    /// How long it has run.
    pub(crate) ran: Duration,
    /// How long it could have run, and another was on its core.
    pub(crate) waited: Duration,
}

/// How long the calling thread could have run, and another was on its core.
pub(crate) fn own_waiting() -> Duration {
    schedule(&fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default()).1
}

/// The first two numbers of a `schedstat` file: nanoseconds run and waited.
fn schedule(text: &str) -> (Duration, Duration) {
    let mut words = text.split_whitespace().map(|word| Duration::from_nanos(word.parse().unwrap_or(0)));
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// A subject that listens. Ours is ended when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddrV4,
    /// Where it answers HTTP, if it does.
    admin: Option<SocketAddrV4>,
    /// Where it has documents beside its SIP address.
    pub(crate) web: Option<SocketAddrV4>,
    pid: Pid,
    clock: ClockId,
    child: Option<Child>,
    data: Option<PathBuf>,
}

impl Running {
    /// Starts a subject on these cores and waits until it answers.
    pub(crate) fn start(subject: &Subject, cores: &[usize]) -> Result<Self, String> {
        let address = free_address()?;
        let mut data = None;
        let mut admin = None;
        let mut web = None;
        let mut command = match subject {
            Subject::Rollcall { shards } => {
                let folder = data.insert(temporary_folder()?);
                let admin = admin.insert(free_address()?);
                rollcall("release", &open(), address, *admin, folder, &[format!("shards={shards}")])
            }
            Subject::Lists { aggregation } => {
                let folder = data.insert(temporary_folder()?);
                let admin = admin.insert(free_address()?);
                let aggregation = format!("resource-list-server.aggregation=\"{aggregation}ms\"");
                let settings = ["shards=1".to_owned(), aggregation];
                rollcall("release", &open(), address, *admin, folder, &settings)
            }
            Subject::Xcap => {
                let folder = data.insert(temporary_folder()?);
                let admin = admin.insert(free_address()?);
                rollcall("release", &open(), free_address()?, *admin, folder, &documents(address))
            }
            Subject::Rules => {
                let folder = data.insert(temporary_folder()?);
                let admin = admin.insert(free_address()?);
                rollcall(
                    "release",
                    &open(),
                    address,
                    *admin,
                    folder,
                    &documents(*web.insert(free_address()?)),
                )
            }
            Subject::Bare => itself(&["bench-bare".to_owned(), address.to_string()])?,
            Subject::Toy => itself(&["bench-toy".to_owned(), address.to_string()])?,
            Subject::Floor(sizes) => itself(&["bench-floor".to_owned(), address.to_string(), sizes.words()])?,
            Subject::Other { address, pid } => {
                let pid = Pid::from_raw(*pid);
                let clock =
                    ClockId::pid_cpu_clock_id(pid).map_err(|error| format!("process {pid}: {error}"))?;
                return Ok(Self {
                    address: *address,
                    admin: None,
                    web: None,
                    pid,
                    clock,
                    child: None,
                    data: None,
                });
            }
        };
        let quiet = std::env::var_os("BENCH_LOG").is_none();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(if quiet { Stdio::null() } else { Stdio::inherit() });
        let child = spawn_on(cores, command)?;
        let pid = Pid::from_raw(child.id() as i32);
        let clock = ClockId::pid_cpu_clock_id(pid).map_err(|error| format!("process {pid}: {error}"))?;
        let mut running = Self { address, admin, web, pid, clock, child: Some(child), data };
        match subject {
            Subject::Floor(_) => running.wait_until_bound()?,
            Subject::Xcap | Subject::Bare => running.wait_until_it_accepts()?,
            Subject::Rollcall { .. }
            | Subject::Rules
            | Subject::Lists { .. }
            | Subject::Toy
            | Subject::Other { .. } => running.wait_until_it_answers()?,
        }
        Ok(running)
    }

    fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(50))).map_err(|error| error.to_string())?;
        let Ok(SocketAddr::V4(here)) = socket.local_addr() else { return Err("no IPv4 address".to_owned()) };
        let mut question = Vec::new();
        message::options(&mut question, here, self.address);
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit {
            self.still_there()?;
            // Refused until it listens; then the answer comes within the time-out.
            let _refused = socket.send_to(&question, self.address);
            let began = Instant::now();
            if socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50).saturating_sub(began.elapsed()));
        }
        Err(format!("{} does not answer OPTIONS", self.address))
    }

    /// Waits until its port is taken.
    fn wait_until_bound(&mut self) -> Result<(), String> {
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit {
            self.still_there()?;
            if UdpSocket::bind(self.address).is_err() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{} is not taken", self.address))
    }

    /// Waits until it takes connections.
    fn wait_until_it_accepts(&mut self) -> Result<(), String> {
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit {
            self.still_there()?;
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{} takes no connection", self.address))
    }

    fn still_there(&mut self) -> Result<(), String> {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => {
                Err(format!("the server ended at its start with {status}; BENCH_LOG=1 shows why"))
            }
            _ => Ok(()),
        }
    }

    /// Processor time of the whole process so far, ended threads included.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        clock_gettime(self.clock).map(Duration::from).map_err(|error| format!("the server is gone: {error}"))
    }

    /// The times of each live thread so far.
    pub(crate) fn threads(&self) -> Result<Vec<Times>, String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).map_err(|error| error.to_string())?;
        let mut threads = Vec::new();
        for task in tasks.flatten() {
            let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let (ran, waited) = schedule(&read("schedstat"));
            threads.push(Times { thread: task.file_name().to_string_lossy().into_owned(), ran, waited });
        }
        Ok(threads)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64, String> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid)).map_err(|error| error.to_string())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS line")?;
        let kib: u64 =
            line.split_whitespace().next().and_then(|word| word.parse().ok()).ok_or("an odd VmRSS line")?;
        Ok(kib * 1024)
    }

    /// Resident memory once two looks a quarter second apart agree to 0.1 %.
    pub(crate) fn settled(&self) -> Result<u64, String> {
        let mut before = self.resident()?;
        for _ in 0..40 {
            std::thread::sleep(Duration::from_millis(250));
            let now = self.resident()?;
            if now.abs_diff(before) <= before / 1000 {
                return Ok(now);
            }
            before = now;
        }
        Ok(before)
    }

    /// Processor time, once there is no more work than an idle server has.
    pub(crate) fn settled_cpu(&self) -> Result<Duration, String> {
        let mut before = self.cpu()?;
        for _ in 0..40 {
            std::thread::sleep(Duration::from_millis(250));
            let now = self.cpu()?;
            if now - before < Duration::from_millis(5) {
                return Ok(now);
            }
            before = now;
        }
        Ok(before)
    }

    /// The page at `path` of its HTTP server.
    pub(crate) fn page(&self, path: &str) -> Result<String, String> {
        let admin = self.admin.ok_or("this subject has no HTTP server")?;
        page(admin, path)
    }
}

/// The settings of document servers at this address that refuse nobody for haste.
fn documents(address: SocketAddrV4) -> [String; 6] {
    [
        "shards=1".to_owned(),
        "xdm.root=/xcap-root".to_owned(),
        "aggregation-proxy.threads=1".to_owned(),
        "aggregation-proxy.client-rate=0".to_owned(),
        "aggregation-proxy.user-rate=0".to_owned(),
        super::xcap::listen(address),
    ]
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child, Duration::from_secs(10));
        }
        if let Some(folder) = &self.data {
            let _gone = fs::remove_dir_all(folder);
        }
    }
}

/// Asks a child to end, so that it closes what it has open; makes it when `patience` is over.
pub(crate) fn end(child: &mut Child, patience: Duration) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let _gone = kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
    let limit = Instant::now() + patience;
    while Instant::now() < limit && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ended = child.kill();
    let _status = child.wait();
}

/// `rollcall serve` as built by a profile, with one of the configurations.
pub(crate) fn rollcall(
    profile: &str,
    configuration: &Path,
    address: SocketAddrV4,
    admin: SocketAddrV4,
    folder: &Path,
    settings: &[String],
) -> Command {
    let mut command = Command::new(program(profile));
    command.arg("serve").arg("--config").arg(configuration);
    let own = [
        format!("listen=[\"udp:{address}\", \"tcp:{address}\"]"),
        format!("admin.listen=\"{admin}\""),
        format!("store.path=\"{}\"", folder.display()),
    ];
    for setting in own.iter().chain(settings) {
        command.arg("--set").arg(setting);
    }
    command
}

/// The configuration that asks nobody for a password.
fn open() -> PathBuf {
    run::root().join("examples").join("open.toml")
}

/// The built `rollcall` of a profile's folder.
pub(crate) fn program(profile: &str) -> PathBuf {
    run::target().join(profile).join("rollcall")
}

/// A page over HTTP/1.1, for which the connection is closed.
pub(crate) fn page(from: SocketAddrV4, path: &str) -> Result<String, String> {
    let fetch = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(from)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {from}\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = fetch().map_err(|error| format!("http://{from}{path}: {error}"))?;
    if text.starts_with("HTTP/1.1 200") {
        Ok(text)
    } else {
        Err(format!("http://{from}{path}: {}", first_line(&text)))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("no answer")
}

/// Pins the calling thread, and what it spawns later.
pub(crate) fn pin(cores: &[usize]) -> Result<(), String> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core).map_err(|error| format!("core {core}: {error}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|error| format!("cores {cores:?}: {error}"))
}

/// Starts a program that lives on these cores from its first instruction.
fn spawn_on(cores: &[usize], mut command: Command) -> Result<Child, String> {
    let cores = cores.to_vec();
    let name = command.get_program().to_string_lossy().into_owned();
    // A thread of its own: the child inherits its affinity, and ours stays as it is.
    std::thread::spawn(move || {
        pin(&cores)?;
        command.spawn().map_err(|error| format!("{name} did not start: {error}"))
    })
    .join()
    .expect("starting a program does not panic")
}

fn itself(words: &[String]) -> Result<Command, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.args(words);
    Ok(command)
}

/// A loopback address whose port is free for UDP and TCP at this moment.
pub(crate) fn free_address() -> Result<SocketAddrV4, String> {
    for _ in 0..100 {
        let Ok(listener) = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else { continue };
        let Ok(SocketAddr::V4(address)) = listener.local_addr() else { continue };
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port is free".to_owned())
}

/// A new empty folder under the build's own.
pub(crate) fn temporary_folder() -> Result<PathBuf, String> {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    let folder = run::target().join("tmp").join(format!("run-{}-{nanos}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_clock_threads_and_memory() {
        let pid = std::process::id() as i32;
        let here = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5060);
        let running = Running::start(&Subject::Other { address: here, pid }, &[]).unwrap();
        let before = running.cpu().unwrap();
        let sum: u64 = (0..2_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0);
        assert!(running.cpu().unwrap() > before);
        assert!(running.resident().unwrap() > 100_000);
        assert!(!running.threads().unwrap().is_empty());
    }

    #[test]
    fn the_command_line_names_address_and_store() {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5060);
        let command =
            rollcall("release", &open(), address, address, Path::new("data"), &["shards=2".to_owned()]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(words.contains(&"listen=[\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]".to_owned()));
        assert!(words.contains(&"store.path=\"data\"".to_owned()));
        assert!(words.ends_with(&["--set".to_owned(), "shards=2".to_owned()]));
    }
}
