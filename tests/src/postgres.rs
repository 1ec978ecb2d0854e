//! A private PostgreSQL for tests and benches: a real server from the installed binaries, in a folder of its own, on a free
//! port, as a user that is not root, gone when the process that started it is gone, however that ends. The store's tests
//! include this file as it is, so it needs nothing but the standard library and `tempfile`. Must never touch a server that
//! somebody else started.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The oldest version that will do.
const OLDEST: u32 = 15;

const MISSING: &str =
    "PostgreSQL 15 or newer is not installed; install the package `postgresql` (Debian: apt-get install postgresql)";

/// Ends the server and removes its folder once its standard input ends, which it does when the process that holds the
/// other end is gone.
const JANITOR: &str = r#"trap '' INT TERM HUP; cat > /dev/null; "$0" -D "$1/data" stop -m immediate -s; rm -rf "$1""#;

/// Whether commits reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// No fsync: for tests that never kill it.
    None,
}

/// A server of its own.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    durability: Durability,
    _janitor: Child,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// A sentence that names the package where PostgreSQL is not installed, or what a tool said.
    pub fn start(durability: Durability) -> Result<Self, String> {
        let binaries = binaries()?;
        let owner = owner();
        let folder = tempfile::Builder::new().prefix("daybreak-postgres-").tempdir().map_err(words)?.keep();
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group)).map_err(words)?;
        }
        let mut janitor = as_owner(Command::new("sh"), owner);
        janitor.args(["-c", JANITOR]).arg(binaries.join("pg_ctl")).arg(&folder).current_dir("/");
        janitor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let janitor = janitor.spawn().map_err(words)?;
        let server = Self { folder, binaries, port: free_port()?, owner, durability, _janitor: janitor };
        let data = server.data();
        let arguments = ["--username=daybreak", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "-D"];
        server.tool("initdb", |tool| tool.args(arguments).arg(&data))?;
        server.configure()?;
        server.start_again()?;
        Ok(server)
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://daybreak@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database, or a copy of another that nobody is connected to.
    ///
    /// # Errors
    /// What PostgreSQL said.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), String> {
        let of = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        self.sql("postgres", &format!("CREATE DATABASE {name}{of}"))
    }

    /// Runs statements on one of its databases.
    ///
    /// # Errors
    /// What PostgreSQL said.
    pub fn sql(&self, database: &str, statements: &str) -> Result<(), String> {
        let url = self.url(database);
        self.tool("psql", |tool| tool.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statements, &url]))
    }

    /// Stops it at once, as a crash would: what was not durable is gone.
    ///
    /// # Errors
    /// What `pg_ctl` said.
    pub fn stop_immediately(&self) -> Result<(), String> {
        let data = self.data();
        self.tool("pg_ctl", |tool| tool.arg("-D").arg(&data).args(["stop", "-m", "immediate", "-w", "-s"]))
    }

    /// Starts it on the same port with what is on its disk.
    ///
    /// # Errors
    /// What `pg_ctl` said.
    pub fn start_again(&self) -> Result<(), String> {
        let (data, log) = (self.data(), self.folder.join("log"));
        self.tool("pg_ctl", |tool| {
            tool.arg("-D").arg(&data).arg("-l").arg(&log).args(["start", "-w", "-s"]).stdout(Stdio::null())
        })
    }

    fn configure(&self) -> Result<(), String> {
        let on = if self.durability == Durability::Full { "on" } else { "off" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             fsync = {on}\nfull_page_writes = {on}\nsynchronous_commit = on\nlog_min_messages = warning\n",
            self.port,
            self.folder.display()
        );
        let file = OpenOptions::new().append(true).open(self.data().join("postgresql.conf"));
        file.and_then(|mut file| file.write_all(settings.as_bytes())).map_err(words)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn tool(&self, name: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<(), String> {
        let mut command = as_owner(Command::new(self.binaries.join(name)), self.owner);
        // A server that stays must not keep our standard error open.
        let said = self.folder.join(format!("{name}.said"));
        let file = std::fs::File::create(&said).map_err(words)?;
        arguments(command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(file));
        let status = command.status().map_err(|error| format!("{name} does not start: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(&said).unwrap_or_default();
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("{name} ended with {status}: {} {log}", said.trim()))
    }
}

/// The folder of the newest installed binaries.
fn binaries() -> Result<PathBuf, String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    if let Some((_, folder)) = newest.filter(|(version, _)| *version >= OLDEST).max() {
        return Ok(folder.join("bin"));
    }
    let found = Command::new("sh").args(["-c", "command -v pg_ctl"]).output().map_err(words)?;
    let path = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    let folder = path.parent().filter(|folder| version(folder) >= OLDEST);
    folder.map(Path::to_path_buf).ok_or_else(|| MISSING.to_owned())
}

fn version(binaries: &Path) -> u32 {
    let output = Command::new(binaries.join("postgres")).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok()).unwrap_or_default()
}

/// Whom it runs as: nobody else than we are, unless we are root, which PostgreSQL refuses.
fn owner() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |wanted: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, user, group) = (fields.next()?, fields.nth(1)?, fields.next()?);
            (name == wanted).then(|| Some((user.parse().ok()?, group.parse().ok()?))).flatten()
        })
    };
    of("postgres").or_else(|| of("nobody"))
}

fn as_owner(mut command: Command, owner: Option<(u32, u32)>) -> Command {
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(words)?;
    Ok(listener.local_addr().map_err(words)?.port())
}

fn words(error: std::io::Error) -> String {
    format!("the folder of a private PostgreSQL: {error}")
}
