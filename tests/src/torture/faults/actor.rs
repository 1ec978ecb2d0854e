//! A process that takes part. When it has died it is started again, as a supervisor would.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daybreak_tests::binary;

/// How long a process that has died stays so before it is started again.
const RESTART: Duration = Duration::from_millis(200);

/// Debian's package `faketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

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
    pub fn new(name: &str, command: impl Fn() -> Command + Send + 'static) -> Self {
        let command = Box::new(command);
        Self { name: name.to_owned(), command, child: None, frozen: false, down_until: Instant::now() }
    }

    /// Starts it again when it has died and its time has come.
    pub fn tend(&mut self) {
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

    /// It need not stay away any longer.
    pub fn come_back(&mut self) {
        self.down_until = Instant::now();
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

    /// Tells it to end for good, and ends it when it has not done so in time.
    pub async fn end(&mut self, patience: Duration) {
        self.signal("TERM");
        let Some(mut child) = self.child.take() else { return };
        let begun = Instant::now();
        while child.try_wait().is_ok_and(|ended| ended.is_none()) && begun.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Whether a process can be given a clock of its own here.
pub fn clocks_step() -> bool {
    Path::new(FAKETIME).exists()
}

/// The binary, what it says in a file, on a clock that can be set wrong.
pub fn role(at: &Path, name: &str, clocks: bool) -> Command {
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
