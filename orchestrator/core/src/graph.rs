//! The graph of a DAG's tasks: who needs whom. Built once from the declaration, or refused with every mistake in it;
//! afterwards it cannot be wrong. To add a rule about edges: a check in [`DagGraph::build`].

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use daybreak_spec::{Dag, Name, Problem, Spanned, Task, TriggerRule, did_you_mean};
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Most tasks of one DAG.
const MAX_TASKS: usize = 10_000;
/// Most needs of one DAG, all tasks together.
const MAX_NEEDS: usize = 100_000;

/// The tasks of a DAG and what they need; known to be acyclic.
#[derive(Clone, Debug)]
pub struct DagGraph {
    /// Edges run from a needed task to the one that needs it.
    graph: DiGraph<Name, ()>,
    nodes: BTreeMap<Name, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl DagGraph {
    /// Reads the graph out of the declaration.
    ///
    /// # Errors
    /// All problems at once: `no_tasks`, `too_many_tasks`, `too_many_needs`, `unknown_reference`, `self_need`,
    /// `duplicate_need`, `not_needed` (a condition names a task that is not waited for), `cycle` (one for each knot of tasks, naming a shortest path round it).
    pub fn build(dag: &Dag) -> Result<Self, Vec<Problem>> {
        check_size(dag).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut graph = DiGraph::with_capacity(dag.tasks.len(), dag.tasks.len());
        let nodes: BTreeMap<Name, NodeIndex> =
            dag.tasks.keys().map(|name| (name.clone(), graph.add_node(name.clone()))).collect();
        for (name, task) in &dag.tasks {
            let mut seen = BTreeSet::new();
            for need in &task.needs {
                match nodes.get(&need.value) {
                    None => problems.push(unknown_need(dag, name, need)),
                    Some(_) if need.value == *name => {
                        let message = format!("task `{name}` needs itself");
                        problems.push(Problem::error("self_need", need.span, message).hint("take it out of `needs`"));
                    }
                    Some(_) if !seen.insert(&need.value) => {
                        let message = format!("task `{name}` needs `{}` twice", need.value);
                        problems.push(Problem::error("duplicate_need", need.span, message).hint("name it once"));
                    }
                    Some(parent) => {
                        graph.add_edge(*parent, nodes[name], ());
                    }
                }
            }
        }
        problems.extend(dag.tasks.iter().flat_map(|(name, task)| named_in_condition(dag, name, task)));
        problems.extend(cycles(dag, &graph));
        if !problems.is_empty() {
            return Err(problems);
        }
        let order = kahn(&graph);
        Ok(Self { graph, nodes, order })
    }

    /// All tasks, each after the ones it needs; among those that could come next, the first by name.
    pub fn topological_order(&self) -> Vec<&Name> {
        self.order.iter().map(|node| &self.graph[*node]).collect()
    }

    /// The tasks that `task` needs itself, by name; none for a task that is not there.
    pub fn parents(&self, task: &Name) -> Vec<&Name> {
        self.neighbours(task, Direction::Incoming)
    }

    /// The tasks that need `task` themselves, by name.
    pub fn children(&self, task: &Name) -> Vec<&Name> {
        self.neighbours(task, Direction::Outgoing)
    }

    /// The tasks that `task` needs, directly or through others, by name.
    pub fn ancestors(&self, task: &Name) -> Vec<&Name> {
        let mut found = BTreeSet::new();
        let mut open = self.parents(task);
        while let Some(name) = open.pop() {
            if found.insert(name) {
                open.extend(self.parents(name));
            }
        }
        found.into_iter().collect()
    }

    fn neighbours(&self, task: &Name, direction: Direction) -> Vec<&Name> {
        let Some(node) = self.nodes.get(task) else { return Vec::new() };
        let mut names: Vec<&Name> =
            self.graph.neighbors_directed(*node, direction).map(|other| &self.graph[other]).collect();
        names.sort_unstable();
        names
    }
}

fn check_size(dag: &Dag) -> Result<(), Problem> {
    let needs: usize = dag.tasks.values().map(|task| task.needs.len()).sum();
    if dag.tasks.is_empty() {
        return Err(Problem::error("no_tasks", dag.span, "the DAG has no tasks").hint("give it at least one"));
    }
    if dag.tasks.len() > MAX_TASKS {
        let message = format!("the DAG has {} tasks; at most {MAX_TASKS} are allowed", dag.tasks.len());
        return Err(Problem::error("too_many_tasks", dag.span, message).hint("split it into several DAGs"));
    }
    if needs > MAX_NEEDS {
        let message = format!("the DAG has {needs} needs; at most {MAX_NEEDS} are allowed");
        return Err(Problem::error("too_many_needs", dag.span, message)
            .hint("let a `noop` task stand between many parents and many children"));
    }
    Ok(())
}

fn unknown_need(dag: &Dag, task: &Name, need: &Spanned<Name>) -> Problem {
    let message = format!("task `{task}` needs `{}`, which is not a task of this DAG", need.value);
    let problem = Problem::error("unknown_reference", need.span, message);
    match did_you_mean(need.as_str(), dag.tasks.keys().map(Name::as_str)) {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem.hint(listing(dag)),
    }
}

/// A condition speaks of the tasks that are needed.
fn named_in_condition(dag: &Dag, name: &Name, task: &Task) -> Vec<Problem> {
    let TriggerRule::When(condition) = &task.trigger else { return Vec::new() };
    let mut problems = Vec::new();
    for named in condition.tasks() {
        if task.needs.iter().any(|need| need.value == named.value) {
            continue;
        }
        problems.push(if dag.tasks.contains_key(&named.value) {
            let message = format!("`when` of task `{name}` names `{}`, which it does not need", named.value);
            Problem::error("not_needed", named.span, message).hint(format!("add `{}` to `needs`", named.value))
        } else {
            let message = format!("`when` of task `{name}` names `{}`, which is not a task of this DAG", named.value);
            let problem = Problem::error("unknown_reference", named.span, message);
            match did_you_mean(named.as_str(), dag.tasks.keys().map(Name::as_str)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(listing(dag)),
            }
        });
    }
    problems
}

fn listing(dag: &Dag) -> String {
    let shown: Vec<&str> = dag.tasks.keys().take(8).map(Name::as_str).collect();
    let more = if dag.tasks.len() > shown.len() { ", …" } else { "" };
    format!("its tasks are {}{more}", shown.join(", "))
}

/// One problem for each knot (strongly connected component) of the graph.
fn cycles(dag: &Dag, graph: &DiGraph<Name, ()>) -> Vec<Problem> {
    let mut knots: Vec<Vec<NodeIndex>> = kosaraju_scc(graph).into_iter().filter(|knot| knot.len() > 1).collect();
    for knot in &mut knots {
        knot.sort_unstable_by(|one, other| graph[*one].cmp(&graph[*other]));
    }
    knots.sort_unstable_by(|one, other| graph[one[0]].cmp(&graph[other[0]]));
    knots.iter().map(|knot| cycle_problem(dag, graph, &shortest_cycle(graph, knot))).collect()
}

/// A shortest way round through the knot's first task, each task followed by one that it needs.
fn shortest_cycle(graph: &DiGraph<Name, ()>, knot: &[NodeIndex]) -> Vec<NodeIndex> {
    let (start, inside) = (knot[0], knot.iter().copied().collect::<BTreeSet<_>>());
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        let mut needed: Vec<NodeIndex> =
            graph.neighbors_directed(node, Direction::Incoming).filter(|other| inside.contains(other)).collect();
        needed.sort_unstable_by(|one, other| graph[*one].cmp(&graph[*other]));
        for next in needed {
            if next == start {
                let mut path = vec![node];
                while let Some(before) = came_from.get(&path[path.len() - 1]) {
                    path.push(*before);
                }
                path.reverse();
                return path;
            }
            if let Entry::Vacant(unseen) = came_from.entry(next) {
                unseen.insert(node);
                open.push_back(next);
            }
        }
    }
    knot.to_vec()
}

fn cycle_problem(dag: &Dag, graph: &DiGraph<Name, ()>, path: &[NodeIndex]) -> Problem {
    let names: Vec<&Name> = path.iter().map(|node| &graph[*node]).collect();
    let need_span = |task: &Name, need: &Name| {
        let needs = dag.tasks.get(task).map(|task| task.needs.as_slice()).unwrap_or_default();
        needs.iter().find(|item| item.value == *need).map(|item| item.span).unwrap_or_default()
    };
    let round = |index: usize| names[(index + 1) % names.len()];
    let shown = names.iter().chain(names.first()).map(|name| name.as_str()).collect::<Vec<_>>().join(" -> ");
    let mut problem =
        Problem::error("cycle", need_span(names[0], round(0)), format!("tasks need each other in a cycle: {shown}"))
            .hint("take one of these out of `needs`");
    for (index, name) in names.iter().enumerate().skip(1) {
        let label = format!("`{name}` needs `{}`", round(index));
        problem = problem.related(need_span(name, round(index)), label);
    }
    problem
}

/// Kahn's algorithm with the ready tasks kept by name, so that the order depends on nothing but the DAG.
fn kahn(graph: &DiGraph<Name, ()>) -> Vec<NodeIndex> {
    let mut missing: Vec<usize> =
        graph.node_indices().map(|node| graph.neighbors_directed(node, Direction::Incoming).count()).collect();
    let mut ready: BTreeSet<(&Name, NodeIndex)> =
        graph.node_indices().filter(|node| missing[node.index()] == 0).map(|node| (&graph[node], node)).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some((_, node)) = ready.pop_first() {
        order.push(node);
        for child in graph.neighbors_directed(node, Direction::Outgoing) {
            missing[child.index()] -= 1;
            if missing[child.index()] == 0 {
                ready.insert((&graph[child], child));
            }
        }
    }
    order
}
