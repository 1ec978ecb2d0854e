//! What the torture runs, and the disk that its state and artefacts lie on.

use std::path::Path;
use std::process::{Command, Stdio};

use daybreak_tests::root;

/// Of the disk for state and artefacts.
const DISK: &str = "size=512m";

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

/// A project whose state and artefacts lie on the disk that faults fill.
pub fn write_project(project: &Path, at: &Path, token: &str) {
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

/// A disk of its own where that is allowed, else a folder.
pub fn mount(at: &Path) -> bool {
    std::fs::create_dir_all(at).expect("a folder");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(at).stderr(Stdio::null()).status();
    mounted.is_ok_and(|status| status.success())
}
