//! Who takes part: servers, workers behind a proxy each, a database, a disk of their own. Whoever has died is started again, as
//! a supervisor would.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::{binary, processes_mentioning, root};

use super::proxy::{Line, Proxy, free_addresses};
use super::work::Work;
use super::{Db, Kind};

/// Workers.
const WORKERS: usize = 3;

/// How long a process that has died stays so before it is started again.
const RESTART: Duration = Duration::from_millis(200);

/// Of the disk for state and artefacts.
const DISK: &str = "size=512m";

/// Debian's package `faketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

const PROJECT: &str = r#"version: 1
name: torture
sources:
  planes: { path: planes.parquet }
entities:
  aircraft: { keys: [tailnum] }
feature_views:
  plane_facts: { entity: aircraft, sql: "SELECT tailnum, seats, engines FROM planes" }
dags:
  chain:
    params: { key: "" }
    retry: { attempts: 8, backoff: { first: 200ms, max: 1s } }
    tasks:
      first: { kind: command, argv: [@WORK@], env: { TAKES_MS: 60 } }
      note: { kind: noop, needs: first }
      fan: { kind: command, for_each: [1, 2, 3], needs: first, argv: [@WORK@], env: { TAKES_MS: 120 } }
      last: { kind: command, needs: [fan, note], argv: [@WORK@], env: { TAKES_MS: 30 } }
  long:
    params: { key: "" }
    tasks:
      wait: { kind: command, argv: [@WORK@], env: { TAKES_MS: 8000 } }
  seconds:
    schedule: { cron: "@every 1s", allow_frequent: true, missed: last }
    tasks:
      look: { kind: noop }
  ticks:
    schedule: { cron: "*/5 * * * * *", allow_frequent: true, missed: all, overlap: queue }
    max_active_runs: 4
    retry: { attempts: 8, backoff: { first: 200ms, max: 1s } }
    tasks:
      tick: { kind: command, argv: [@WORK@], env: { TAKES_MS: 20 } }
  features:
    retry: { attempts: 8, backoff: { first: 200ms, max: 1s } }
    tasks:
      build: { kind: build_features, views: [plane_facts] }
      publish: { kind: materialize, needs: build }
"#;

/// A process that is to be there.
pub struct Actor {
    pub name: String,
    command: Box<dyn Fn() -> Command + Send>,
    child: Option<Child>,
    /// Stopped by a signal.
    pub frozen: bool,
    /// Not to be started before.
    down_until: Instant,
}

impl Actor {
    fn new(name: &str, command: impl Fn() -> Command + Send + 'static) -> Self {
        let command = Box::new(command);
        Self { name: name.to_owned(), command, child: None, frozen: false, down_until: Instant::now() }
    }

    /// Starts it again when it has died and its time has come.
    fn tend(&mut self) {
        if let Some(child) = &mut self.child {
            match child.try_wait() {
                Ok(None) => return,
                _ => {
                    self.child = None;
                    self.frozen = false;
                    self.down_until = self.down_until.max(Instant::now() + RESTART);
                }
            }
        }
        if Instant::now() >= self.down_until {
            self.child = Some((self.command)().spawn().expect("a process"));
        }
    }

    pub fn signal(&mut self, signal: &str) {
        let Some(child) = &self.child else { return };
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
    }

    /// Tells it to end; once it has, it stays away for a while.
    pub fn leave(&mut self, away: Duration) {
        self.signal("TERM");
        self.down_until = Instant::now() + away;
    }

    /// Ends it without a word; it stays away for a while.
    pub fn kill(&mut self, away: Duration) {
        self.down_until = Instant::now() + away;
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            self.child = None;
        }
        self.frozen = false;
    }
}

/// What a fault is undone by.
pub enum Heal {
    Thaw { server: bool, place: usize },
    Line { proxy: usize },
    Database,
    DatabaseLine,
    Disk,
    Clock { name: String },
}

/// Everybody.
pub struct Cast {
    folder: tempfile::TempDir,
    pub servers: Vec<Actor>,
    pub workers: Vec<Actor>,
    /// One for each worker.
    pub proxies: Vec<Proxy>,
    /// Between servers and PostgreSQL.
    pub database_line: Option<Proxy>,
    pub postgres: Option<Postgres>,
    database_down: bool,
    disk: bool,
    clocks: bool,
    pub addresses: Vec<SocketAddr>,
    pub token: String,
    heals: Vec<(Instant, Heal)>,
}

impl Cast {
    /// Starts everybody and waits until the servers answer.
    pub async fn start(db: Db) -> Self {
        let folder = tempfile::Builder::new().prefix("daybreak-torture-").tempdir().expect("a folder");
        let at = folder.path().to_path_buf();
        let disk = mount(&at.join("disk"));
        let clocks = Path::new(FAKETIME).exists();
        let (postgres, database_line) = match db {
            Db::Sqlite => (None, None),
            Db::Postgres => {
                let postgres = Postgres::start(Durability::Full).unwrap_or_else(|why| panic!("{why}"));
                postgres.create_database("torture", None).expect("a database");
                let line = Proxy::start(vec![address_of(&postgres.url("torture"))]).await;
                (Some(postgres), Some(line))
            }
        };
        let count = if db == Db::Sqlite { 1 } else { 2 };
        let addresses = free_addresses(count);
        let token = format!("{:032x}", rand::random::<u128>());
        let database = database_line.as_ref().map(|line| format!("postgres://daybreak@{}/torture", line.address));
        let mut servers = Vec::new();
        for (place, address) in addresses.iter().enumerate() {
            let name = format!("server{place}");
            let project = at.join(&name);
            write_project(&project, &at, &token);
            let (address, database, at, of) = (*address, database.clone(), at.clone(), name.clone());
            servers.push(Actor::new(&name, move || {
                let mut command = role(&at, &of, clocks);
                command.args(["server", ".", "--listen", &address.to_string()]).current_dir(&project);
                match &database {
                    Some(database) => command.env("DAYBREAK_DATABASE", database),
                    None => command.env_remove("DAYBREAK_DATABASE"),
                };
                command
            }));
        }
        let (workers, proxies) = workers(&at, &addresses, &token, clocks).await;
        let mut cast = Self {
            folder,
            servers,
            workers,
            proxies,
            database_line,
            postgres,
            database_down: false,
            disk,
            clocks,
            addresses,
            token,
            heals: Vec::new(),
        };
        cast.pause(Duration::from_secs(5)).await;
        cast
    }

    /// Requests that came a second time.
    pub fn repeated(&self) -> u64 {
        self.proxies.iter().map(|proxy| proxy.repeated.load(Ordering::Relaxed)).sum()
    }

    /// Whether a kind of fault can be made here.
    pub fn can(&self, kind: Kind) -> bool {
        match kind {
            Kind::RestartDatabase | Kind::CutDatabase => self.postgres.is_some(),
            Kind::FillDisk => self.disk,
            Kind::StepClock => self.clocks,
            _ => true,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder().join("ledger")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.folder().join("disk/artifacts")
    }

    /// The online features of a worker.
    pub fn online(&self, worker: usize) -> PathBuf {
        self.folder().join(format!("worker{worker}/online"))
    }

    /// Undoes a fault later.
    pub fn later(&mut self, after: Duration, heal: Heal) {
        self.heals.push((Instant::now() + after, heal));
    }

    /// Lets time pass in which the dead are started again and faults end.
    pub async fn pause(&mut self, length: Duration) {
        let begun = Instant::now();
        loop {
            let due = |(at, _): &(Instant, Heal)| *at <= Instant::now();
            while let Some(place) = self.heals.iter().position(due) {
                let (_, heal) = self.heals.swap_remove(place);
                self.undo(heal);
            }
            self.servers.iter_mut().chain(&mut self.workers).for_each(Actor::tend);
            if begun.elapsed() >= length {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends every fault now.
    pub async fn heal(&mut self) {
        for (_, heal) in std::mem::take(&mut self.heals) {
            self.undo(heal);
        }
        self.servers.iter_mut().chain(&mut self.workers).for_each(|actor| actor.down_until = Instant::now());
        self.pause(Duration::from_millis(500)).await;
    }

    /// Ends every fault and waits until each server can do its work.
    pub async fn all_there(&mut self) {
        self.heal().await;
        let begun = Instant::now();
        for address in self.addresses.clone() {
            let ready = format!("http://{address}/health/ready");
            while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
                assert!(begun.elapsed() < Duration::from_secs(60), "a server is not there");
                self.pause(Duration::from_millis(50)).await;
            }
        }
    }

    fn undo(&mut self, heal: Heal) {
        match heal {
            Heal::Thaw { server, place } => {
                let actors = if server { &mut self.servers } else { &mut self.workers };
                actors[place].signal("CONT");
                actors[place].frozen = false;
            }
            Heal::Line { proxy } => self.proxies[proxy].become_like(Line::Good),
            Heal::DatabaseLine => self.database_line.iter().for_each(|line| line.become_like(Line::Good)),
            Heal::Database => {
                self.database_down = false;
                let started = self.postgres.as_ref().map(Postgres::start_again);
                started.unwrap_or(Ok(())).unwrap_or_else(|why| panic!("{why}"));
            }
            Heal::Disk => drop(std::fs::remove_file(self.folder().join("disk/filler"))),
            Heal::Clock { name } => self.set_clock(&name, 0),
        }
    }

    /// Stops the database as a crash would; it is started again later.
    pub fn crash_database(&mut self, away: Duration) {
        let Some(postgres) = self.postgres.as_ref().filter(|_| !self.database_down) else { return };
        postgres.stop_immediately().unwrap_or_else(|why| panic!("{why}"));
        self.database_down = true;
        self.later(away, Heal::Database);
    }

    /// By how many seconds the clock of a process is wrong.
    pub fn set_clock(&self, name: &str, seconds: i64) {
        let file = self.folder().join(format!("{name}.clock"));
        std::fs::write(file, format!("{seconds:+}")).expect("a clock");
    }

    /// Takes all the room that is left on the disk.
    pub fn fill_disk(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.folder().join("disk/filler")).expect("a file");
        let block = vec![0_u8; 64 << 10];
        while file.write_all(&block).is_ok() {}
    }

    /// Waits until all that was begun before has ended.
    pub async fn calm(&mut self, work: &Work, patience: Duration) -> Result<(), String> {
        let begun = Instant::now();
        let before = work.now_us();
        loop {
            self.pause(Duration::from_millis(300)).await;
            match work.active_before(self, before).await {
                Ok(0) => return Ok(()),
                Ok(active) if begun.elapsed() > patience => {
                    return Err(format!("{active} runs have not ended {patience:?} after the last fault"));
                }
                Err(why) if begun.elapsed() > patience => return Err(format!("nobody answers: {why}")),
                _ => {}
            }
        }
    }

    /// Ends everybody as an operator would; how many processes are left then.
    pub async fn end(mut self) -> usize {
        for actor in self.workers.iter_mut().chain(&mut self.servers) {
            actor.signal("TERM");
            if let Some(mut child) = actor.child.take() {
                let begun = Instant::now();
                while child.try_wait().is_ok_and(|ended| ended.is_none()) && begun.elapsed() < Duration::from_secs(60) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        let text = self.folder().display().to_string();
        let begun = Instant::now();
        loop {
            let left = processes_mentioning(&text).len();
            if left == 0 || begun.elapsed() > Duration::from_secs(5) {
                self.postgres.take();
                if self.disk {
                    let _ = Command::new("umount").arg("-l").arg(self.folder().join("disk")).status();
                }
                return left;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn workers(at: &Path, servers: &[SocketAddr], token: &str, clocks: bool) -> (Vec<Actor>, Vec<Proxy>) {
    let (mut workers, mut proxies) = (Vec::new(), Vec::new());
    for place in 0..WORKERS {
        let proxy = Proxy::start(servers.to_vec()).await;
        let name = format!("worker{place}");
        let data = at.join(&name);
        std::fs::create_dir_all(&data).expect("a folder");
        let (url, at, token, of) =
            (format!("http://{}", proxy.address), at.to_path_buf(), token.to_owned(), name.clone());
        workers.push(Actor::new(&name, move || {
            let mut command = role(&at, &of, clocks);
            command.args(["worker", "--server", &url, "--name", &of, "--slots", "3", "--drain", "5s", "--artifacts"]);
            command.arg(at.join("disk/artifacts")).arg("--data-dir").arg(&data);
            command.env("DAYBREAK_TOKEN", &token).env_remove("DAYBREAK_DATABASE").current_dir(&data);
            command
        }));
        proxies.push(proxy);
    }
    (workers, proxies)
}

/// The binary, what it says in a file, on a clock that can be set wrong.
fn role(at: &Path, name: &str, clocks: bool) -> Command {
    let said = std::fs::OpenOptions::new().create(true).append(true).open(at.join(format!("{name}.said")));
    let said = said.expect("a file");
    let mut command = Command::new(binary());
    command.stdin(Stdio::null()).stdout(said.try_clone().expect("a file")).stderr(said);
    if clocks {
        let clock = at.join(format!("{name}.clock"));
        if !clock.exists() {
            std::fs::write(&clock, "+0").expect("a clock");
        }
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
    command
}

/// A project whose state and artefacts lie on the disk that faults fill.
fn write_project(project: &Path, at: &Path, token: &str) {
    let state = at.join("disk").join(project.file_name().expect("a name"));
    let artifacts = at.join("disk/artifacts");
    for folder in [project, &state, &artifacts] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    std::os::unix::fs::symlink(&state, project.join(".daybreak")).expect("a link");
    std::os::unix::fs::symlink(&artifacts, state.join("artifacts")).expect("a link");
    std::fs::write(state.join("token"), token).expect("a token");
    let planes = root().join("dags/flights/data/planes.parquet");
    std::fs::copy(planes, project.join("planes.parquet")).expect("a copied file");
    let own = std::env::current_exe().expect("this process has a path");
    let work = format!("\"{}\", \"--ledger\", \"{}\"", own.display(), at.join("ledger").display());
    std::fs::write(project.join("daybreak.yaml"), PROJECT.replace("@WORK@", &work)).expect("a project");
}

fn address_of(url: &str) -> SocketAddr {
    let host = url.split('@').nth(1).and_then(|rest| rest.split('/').next());
    host.and_then(|host| host.parse().ok()).expect("an address")
}

/// A disk of its own where that is allowed, else a folder.
fn mount(at: &Path) -> bool {
    std::fs::create_dir_all(at).expect("a folder");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(at).stderr(Stdio::null()).status();
    mounted.is_ok_and(|status| status.success())
}
