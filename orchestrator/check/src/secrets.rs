//! `secret://…` in a project: which secrets it refers to, and refusals where a value could come to light (in the list of
//! processes, in a longer text, in the database). A parameter type that keeps secrets = a line in [`keeps_secrets`].

use std::collections::BTreeMap;

use daybreak_core::{KindCatalog, ParameterType};
use daybreak_spec::{Dag, Name, Node, NodeValue, Problem, Project, SecretMention, Span};
use serde::Serialize;

/// A task that refers to a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SecretUse {
    /// The DAG.
    pub dag: Name,
    /// The task.
    pub task: Name,
}

/// Each secret with the tasks that refer to it.
pub(crate) fn used(project: &Project) -> BTreeMap<Name, Vec<SecretUse>> {
    let mut found: BTreeMap<Name, Vec<SecretUse>> = BTreeMap::new();
    for (dag, declaration) in &project.dags {
        for (task, declared) in &declaration.tasks {
            let mut mentions = Vec::new();
            declared.parameters.iter().for_each(|(_, node)| in_node(node, &mut mentions));
            for (mention, _) in mentions {
                let SecretMention::Reference(name) = mention else { continue };
                let user = SecretUse { dag: dag.clone(), task: task.clone() };
                let users = found.entry(name).or_default();
                if !users.contains(&user) {
                    users.push(user);
                }
            }
        }
    }
    found
}

/// References where a secret must not stand.
pub(crate) fn misplaced(dag: &Dag, kinds: &KindCatalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, param) in &dag.params {
        let mut mentions = Vec::new();
        param.default.iter().chain(&param.one_of).for_each(|node| in_node(node, &mut mentions));
        let what = format!("the parameter `{name}` of the DAG");
        problems.extend(mentions.iter().map(|(_, span)| refused(*span, &what, "it is kept with each run")));
    }
    for (name, task) in &dag.tasks {
        let Some(kind) = kinds.get(&task.kind) else { continue };
        for (key, node) in &task.parameters {
            let Some(parameter) = kind.parameters.iter().find(|parameter| parameter.name == key.value) else {
                continue;
            };
            let what = format!("`{}` of task `{name}`", key.value);
            problems.extend(in_parameter(parameter.parameter_type, node, &what));
        }
    }
    problems
}

/// Whether values of this type go to a program or a server without being shown: a map of names to texts.
fn keeps_secrets(parameter_type: ParameterType) -> bool {
    matches!(parameter_type, ParameterType::Environment | ParameterType::Headers)
}

fn in_parameter(parameter_type: ParameterType, node: &Node, what: &str) -> Vec<Problem> {
    let mut mentions = Vec::new();
    in_node(node, &mut mentions);
    let why = match parameter_type {
        ParameterType::Argv => "anybody on the machine can read the arguments of a program",
        _ => "it is shown and kept as it is",
    };
    let mut problems = Vec::new();
    for (mention, span) in mentions {
        match mention {
            _ if !keeps_secrets(parameter_type) => problems.push(refused(span, what, why)),
            SecretMention::Inside => {
                let message = format!("a secret in {what} has to be the whole value: `secret://` and its name");
                let hint =
                    "a name has lower-case letters, digits, `_` and `-`; put longer texts together in the program";
                problems.push(Problem::error("misplaced_secret", span, message).hint(hint));
            }
            SecretMention::Reference(_) | SecretMention::None => {}
        }
    }
    problems
}

fn refused(span: Span, what: &str, why: &str) -> Problem {
    let message = format!("{what} cannot be a secret: {why}");
    let hint = "give it to the program as a variable: `env: { TOKEN: secret://token }`";
    Problem::error("misplaced_secret", span, message).hint(hint)
}

/// The mentions in a value, however deep.
fn in_node(node: &Node, found: &mut Vec<(SecretMention, Span)>) {
    match &node.value {
        NodeValue::Text(text) => match SecretMention::of(text) {
            SecretMention::None => {}
            mention => found.push((mention, node.span)),
        },
        NodeValue::List(items) => items.iter().for_each(|item| in_node(item, found)),
        NodeValue::Map(entries) => entries.iter().for_each(|(_, value)| in_node(value, found)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {}
    }
}
