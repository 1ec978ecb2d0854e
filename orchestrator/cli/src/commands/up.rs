//! `daybreak up`: server, worker and endpoint in one process until Ctrl-C or SIGTERM.

use daybreak_protocol::Clock;

use daybreak_server::Schedules;

use crate::arguments::Up;
use crate::connection::{database, heavy_default, load_project};
use crate::embedded::{Embedded, Options, real_now};
use crate::failure::{Failure, Outcome};
use crate::home::Home;

/// Runs until told to stop.
pub async fn up(arguments: &Up) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let project = load_project(&home)?;
    let options = Options {
        listen: arguments.listen,
        clock: arguments.clock_from.map_or_else(|| Clock::real(real_now), |from| Clock::simulated(real_now, from)),
        heavy: arguments.heavy.unwrap_or_else(heavy_default),
        schedules: Schedules::Watched,
        follow: true,
        database: database(arguments.database.as_deref())?,
    };
    let embedded = Embedded::start(&home, &project, options).await?;
    let url = &embedded.running.url;
    let (name, models): (_, Vec<_>) = (project.name.value.clone(), project.models.keys().cloned().collect());
    // The declarations of ten thousand DAGs are not kept while their schedules rest.
    drop(project);
    println!("daybreak serves {name} at {url}");
    for model in &models {
        println!("  POST {url}/v1/models/{model}/predict");
    }
    if embedded.clock.is_simulated() {
        println!(
            "  business time is simulated and stands at {}; to move it on: daybreak clock INSTANT --project {}",
            embedded.clock.business_now(),
            arguments.directory.display()
        );
    }
    println!("  the token: daybreak token --project {}", arguments.directory.display());
    until_told_to_stop().await?;
    eprintln!("stopping: running tasks are handed back; once more ends at once");
    tokio::select! {
        () = embedded.stop() => Ok(()),
        told = until_told_to_stop() => {
            told?;
            Err(Failure { status: 130, message: "ended at once; what ran is run again by the next `daybreak up`".into() })
        }
    }
}

/// Ctrl-C or SIGTERM.
pub async fn until_told_to_stop() -> Outcome {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Failure::input_output("cannot listen for signals", error))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
