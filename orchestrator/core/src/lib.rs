//! Pure decisions: schedules, state machine, retry, kinds.
