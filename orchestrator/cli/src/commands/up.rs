//! `daybreak up`: server, worker and endpoint in one process until Ctrl-C or SIGTERM.

use daybreak_protocol::Clock;

use daybreak_server::Schedules;

use crate::arguments::Up;
use crate::connection::{heavy_default, load_project};
use crate::embedded::{Embedded, Options, real_now};
use crate::failure::{Failure, Outcome};
use crate::home::Home;

/// Runs until told to stop.
pub async fn up(arguments: &Up) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let project = load_project(&home)?;
    let options = Options {
        listen: arguments.listen,
        clock: Clock::real(real_now),
        heavy: arguments.heavy.unwrap_or_else(heavy_default),
        schedules: Schedules::Watched,
    };
    let embedded = Embedded::start(&home, &project, options).await?;
    let url = &embedded.running.url;
    println!("daybreak serves {} at {url}", project.name.value);
    for model in project.models.keys() {
        println!("  POST {url}/v1/models/{model}/predict");
    }
    println!("  the token: daybreak token --project {}", arguments.directory.display());
    until_told_to_stop().await?;
    eprintln!("stopping");
    embedded.stop().await;
    Ok(())
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
