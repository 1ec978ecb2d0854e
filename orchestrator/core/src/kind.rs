//! Data about kinds of task: what parameters they take, what they read and make, how they are run. The kinds themselves
//! live in the workers; this is what checking and scheduling need to know of them.

use std::collections::BTreeMap;

/// One kind of task.
#[derive(Debug)]
pub struct KindDefinition {
    /// The word in `kind:`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Its own parameters (the common ones `kind`, `needs`, `retry`, `timeout`, `memory` apart).
    pub parameters: &'static [ParameterDefinition],
    /// Runs in a child process, with limits.
    pub heavy: bool,
    /// Acts on the world outside; ended when its lease runs out.
    pub side_effects: bool,
    /// Skipped when a task it needs has `passed: false` in its outputs.
    pub gated: bool,
    /// What it reads; some earlier task has to make it.
    pub reads: &'static [Dataset],
    /// What it makes.
    pub makes: &'static [Dataset],
    /// Which of its parameters go together.
    pub rules: &'static [ParameterRule],
}

/// What holds between parameters of a kind, and keys of every task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterRule {
    /// Exactly one of these is given.
    OneOf(&'static [&'static str]),
    /// The first means something only beside one of the others.
    Beside(&'static str, &'static [&'static str]),
}

/// One parameter of a kind.
#[derive(Debug)]
pub struct ParameterDefinition {
    /// Its key.
    pub name: &'static str,
    /// Its type.
    pub parameter_type: ParameterType,
    /// Whether it has to be given.
    pub required: bool,
    /// One line for people.
    pub summary: &'static str,
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// E.g. `7d`.
    Duration,
    /// The name of a declared model.
    Model,
    /// An alias such as `champion`.
    Alias,
    /// A list of declared views (one may stand alone).
    Views,
    /// A list of gates such as `auc >= champion.auc - 0.005`.
    Gates,
    /// A program and its arguments.
    Argv,
    /// Environment variables: text to text.
    Environment,
    /// A path relative to the project.
    Path,
    /// A path or glob of files, relative to the project or below a data root.
    Files,
    /// `s3://bucket/key`, or `s3://bucket/beginning*`.
    Objects,
    /// One of these words.
    Words(&'static [&'static str]),
    /// An instant with or without an offset, e.g. `${run.window_end}+6h`.
    Moment,
    /// A declared DAG that the task runs.
    Dag,
    /// What the DAG in this parameter is given beside its defaults.
    DagParams(&'static str),
    /// A declared DAG and which of its windows: `{ name: prices, window: same }`.
    DagWindow,
    /// A URL that tasks may ask.
    Url,
    /// A URL and the statuses that are waited for: `{ url: https://example.com/ready, status: 200 }`.
    Probe,
    /// Headers of a request: text to text.
    Headers,
    /// Anything that JSON can say.
    Json,
    /// One HTTP status or a list of them.
    Statuses,
    /// Names to JSON pointers.
    Pointers,
}

/// Something that tasks hand on to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// Builds of the views in this parameter (absent: of all views built by tasks it needs).
    Views(&'static str),
    /// Builds of all views that the model in this parameter reads.
    ViewsOfModel(&'static str),
    /// A version of the model in this parameter.
    ModelVersion(&'static str),
    /// A judgement on a version of the model in this parameter.
    Judgement(&'static str),
    /// Online rows of the views in this parameter (absent: of all views built by tasks it needs).
    OnlineRows(&'static str),
    /// An alias of the model in this parameter.
    Alias(&'static str),
}

impl Dataset {
    /// Whether a task that reads this finds it with a task that makes `made`.
    #[must_use]
    pub fn comes_from(self, made: Self) -> bool {
        match (self, made) {
            (Self::Views(_) | Self::ViewsOfModel(_), Self::Views(_) | Self::ViewsOfModel(_))
            | (Self::ModelVersion(_), Self::ModelVersion(_))
            | (Self::Judgement(_), Self::Judgement(_))
            | (Self::OnlineRows(_), Self::OnlineRows(_))
            | (Self::Alias(_), Self::Alias(_)) => true,
            (
                Self::Views(_)
                | Self::ViewsOfModel(_)
                | Self::ModelVersion(_)
                | Self::Judgement(_)
                | Self::OnlineRows(_)
                | Self::Alias(_),
                _,
            ) => false,
        }
    }
}

/// All kinds of task.
#[derive(Debug, Default)]
pub struct KindCatalog {
    kinds: BTreeMap<&'static str, &'static KindDefinition>,
}

impl KindCatalog {
    /// From the kinds' definitions.
    pub fn new(definitions: impl IntoIterator<Item = &'static KindDefinition>) -> Self {
        Self { kinds: definitions.into_iter().map(|definition| (definition.name, definition)).collect() }
    }

    /// The kind of that name.
    pub fn get(&self, name: &str) -> Option<&'static KindDefinition> {
        self.kinds.get(name).copied()
    }

    /// All kinds by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static KindDefinition> + '_ {
        self.kinds.values().copied()
    }
}
