//! The faults, and how each is made. What ends by itself is undone after a while; faults overlap.

use std::time::Duration;

use rand::{Rng as _, rngs::StdRng};

use super::cast::{Cast, Heal};
use super::proxy::Line;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// kill -9 of a worker.
    KillWorker,
    /// kill -9 of a server.
    KillServer,
    /// A worker is stopped for 20 s and goes on.
    FreezeWorker,
    /// A server is stopped for 20 s and goes on.
    FreezeServer,
    /// SIGTERM to a worker.
    StopWorker,
    /// SIGTERM to a server.
    StopServer,
    /// A worker's connections are cut, and new ones too.
    Cut,
    /// What a worker sends is lost; it hears nothing of that.
    LoseRequests,
    /// What a worker is answered is lost.
    LoseAnswers,
    /// Everything between a worker and the servers takes longer.
    Delay,
    /// Each request of a worker comes twice.
    Repeat,
    /// The database is stopped at once and started again.
    RestartDatabase,
    /// The servers' connections to the database are cut.
    CutDatabase,
    /// The disk of state, builds and logs is full for a while.
    FillDisk,
    /// The clock of a process is wrong for a while.
    StepClock,
}

impl Kind {
    /// All of them.
    pub fn all() -> &'static [Self] {
        <Self as clap::ValueEnum>::value_variants()
    }

    /// What it takes to make it.
    pub fn needs(self) -> &'static str {
        match self {
            Self::RestartDatabase | Self::CutDatabase => "there is no database server beside the process",
            Self::FillDisk => "mounting a disk of its own is not allowed here",
            Self::StepClock => "libfaketime is not installed (Debian: apt-get install faketime)",
            _ => "nothing",
        }
    }
}

/// Makes a fault somewhere.
pub async fn let_happen(cast: &mut Cast, kind: Kind, random: &mut StdRng) {
    let worker = random.random_range(0..cast.workers.len());
    let server = random.random_range(0..cast.servers.len());
    let away = Duration::from_millis(random.random_range(0..2_000));
    let for_a_while = Duration::from_millis(random.random_range(1_000..6_000));
    match kind {
        Kind::KillWorker => cast.workers[worker].kill(away),
        Kind::KillServer => cast.servers[server].kill(away),
        Kind::StopWorker => cast.workers[worker].signal("TERM"),
        Kind::StopServer => cast.servers[server].signal("TERM"),
        Kind::FreezeWorker => freeze(cast, false, worker),
        Kind::FreezeServer => freeze(cast, true, server),
        Kind::Cut => line(cast, worker, Line::Cut, for_a_while),
        // Long enough for a lease to end now and then.
        Kind::LoseRequests => line(cast, worker, Line::LosesRequests, for_a_while * 3),
        Kind::LoseAnswers => line(cast, worker, Line::LosesAnswers, for_a_while * 3),
        Kind::Delay => line(cast, worker, Line::Slow(random.random_range(50..800)), for_a_while),
        Kind::Repeat => line(cast, worker, Line::Repeats, for_a_while * 2),
        Kind::RestartDatabase => cast.crash_database(away),
        Kind::CutDatabase => {
            cast.database_line.iter().for_each(|proxy| proxy.become_like(Line::Cut));
            cast.later(away, Heal::DatabaseLine);
        }
        Kind::FillDisk => {
            cast.fill_disk();
            cast.later(for_a_while, Heal::Disk);
        }
        Kind::StepClock => {
            let actors: Vec<String> =
                cast.servers.iter().chain(&cast.workers).map(|actor| actor.name.clone()).collect();
            let name = actors[random.random_range(0..actors.len())].clone();
            cast.set_clock(&name, random.random_range(-300..300));
            cast.later(for_a_while * 2, Heal::Clock { name });
        }
    }
}

fn freeze(cast: &mut Cast, server: bool, place: usize) {
    let actors = if server { &mut cast.servers } else { &mut cast.workers };
    if actors[place].frozen {
        return;
    }
    actors[place].signal("STOP");
    actors[place].frozen = true;
    cast.later(Duration::from_secs(20), Heal::Thaw { server, place });
}

fn line(cast: &mut Cast, proxy: usize, line: Line, length: Duration) {
    cast.proxies[proxy].become_like(line);
    cast.later(length, Heal::Line { proxy });
}
