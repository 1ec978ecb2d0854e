//! `daybreak clock`: looks at the two clocks of the running server, and moves simulated business time on.

use daybreak_protocol::ClockView;

use super::reading::print;
use crate::arguments::Clock;
use crate::connection::Connection;
use crate::failure::Outcome;

/// Shows the clocks, after moving business time where an instant is given.
pub async fn clock(arguments: &Clock) -> Outcome {
    let connection = Connection::to_running(&arguments.project.directory).await?;
    let clocks = match arguments.at {
        Some(at) => connection.client.set_clock(at).await,
        None => connection.client.clock().await,
    };
    connection.close().await;
    print(&clocks?, &arguments.project, people)
}

fn people(clocks: &ClockView) -> String {
    let how = if clocks.simulated { "simulated" } else { "follows real time" };
    format!("business time  {} ({how})\nreal time      {}\n", clocks.business_now, clocks.real_now)
}
