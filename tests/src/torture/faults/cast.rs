//! Who takes part: servers, workers behind a proxy each, a database, a disk of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::processes_mentioning;

use super::actor::{Actor, clocks_step, role};
use super::project::{mount, write_project};
use super::proxy::{Line, Proxy, free_addresses};
use super::work::Work;
use super::{Db, Kind};

/// Workers.
const WORKERS: usize = 3;

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
        let clocks = clocks_step();
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
            tokio::time::sleep(length.min(Duration::from_millis(50))).await;
        }
    }

    /// Ends every fault now.
    pub async fn heal(&mut self) {
        for (_, heal) in std::mem::take(&mut self.heals) {
            self.undo(heal);
        }
        self.servers.iter_mut().chain(&mut self.workers).for_each(Actor::come_back);
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
            actor.end(Duration::from_secs(60)).await;
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

fn address_of(url: &str) -> SocketAddr {
    let host = url.split('@').nth(1).and_then(|rest| rest.split('/').next());
    host.and_then(|host| host.parse().ok()).expect("an address")
}
