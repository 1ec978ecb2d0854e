//! The offline store of a project: its sources on disk, and the entry points for schemas, builds and training sets.
//! Holds no state but the footers it has read. Never writes a file: bytes are handed to the caller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use daybreak_spec::{FeatureView, Model, Name, Problem, Project, Timestamp, ViewDefinition};

use crate::build::frame::{BuildFrame, Shape, read};
use crate::build::{BuildRequest, ViewBuild, build};
use crate::model_schema::{ModelSchema, model_schema};
use crate::reading::SourceView;
use crate::schema::{SourceSchema, read_schema};
use crate::training_frame::TrainingFrame;
use crate::training_set::{TrainingRequest, training_set};
use crate::view_schema::{ViewSchema, view_schema};
use crate::{Error, typing};

/// A project and the folder its relative paths start from. Cheap to make; footers are read once, when first needed.
#[derive(Debug)]
pub struct Offline {
    project: Arc<Project>,
    root: PathBuf,
    schemas: Mutex<BTreeMap<Name, Arc<SourceSchema>>>,
}

impl Offline {
    /// Over the project whose relative paths start at `root`.
    pub fn new(project: Arc<Project>, root: &Path) -> Self {
        Self { project, root: root.to_path_buf(), schemas: Mutex::default() }
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The schema of a source, from its files.
    pub fn source_schema(&self, name: &Name) -> Result<Arc<SourceSchema>, Error> {
        if let Some(schema) = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(schema));
        }
        let source = self.project.sources.get(name).ok_or_else(|| unknown("source", name))?;
        let schema = read_schema(&self.root, &data_roots(&self.project), source)
            .map_err(|problems| Error::Schema { name: name.to_string(), problems })?;
        if schema.files.is_empty() {
            let problems =
                vec![crate::SchemaProblem::new("no_files", format!("no file matches `{}`", source.path.value))];
            return Err(Error::Schema { name: name.to_string(), problems });
        }
        declaration("source", name, &typing::check_source(name, source, &schema))?;
        let schema = Arc::new(schema);
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::clone(&schema));
        Ok(schema)
    }

    /// Keys, features and types of a view.
    pub fn view_schema(&self, view: &Name) -> Result<ViewSchema, Error> {
        let (name, declared) = self.view(view)?;
        let sources = self.schemas_of(sources_of(declared))?;
        view_schema(&self.project, name, &sources).map_err(|problems| misfit("feature view", name, &problems))
    }

    /// Keys, inputs, features and label of a model.
    pub fn model_schema(&self, model: &Name) -> Result<ModelSchema, Error> {
        let (name, declared) = self.model(model)?;
        let mut sources = vec![&declared.observations.source.value];
        for reference in &declared.features {
            sources.extend(sources_of(self.view(&reference.view)?.1));
        }
        let sources = self.schemas_of(sources)?;
        model_schema(&self.project, name, &sources, None).map_err(|problems| misfit("model", name, &problems))
    }

    /// Builds one view at instants, oldest first, in one pass. The bytes of each are those of a build alone.
    pub fn build(&self, view: &Name, instants: &[Timestamp]) -> Result<Vec<ViewBuild>, Error> {
        let request = BuildRequest { view: view.clone(), instants: instants.to_vec() };
        Ok(self.build_many(&[request])?.pop().unwrap_or_default())
    }

    /// Builds several views, each source being read once; one list per request, oldest instant first.
    pub fn build_many(&self, requests: &[BuildRequest]) -> Result<Vec<Vec<ViewBuild>>, Error> {
        build(self, requests)
    }

    /// Reads a build back.
    pub fn read_build(&self, view: &Name, parquet: &[u8]) -> Result<BuildFrame, Error> {
        let (name, declared) = self.view(view)?;
        let keys = match &declared.entity {
            Some(entity) => self.project.entities.get(&entity.value).map_or(0, |entity| entity.keys.len()),
            None => 0,
        };
        let shape = match declared.definition {
            ViewDefinition::Latest { .. } => Shape::Latest { keys },
            ViewDefinition::Aggregates { .. } | ViewDefinition::Sql { .. } => Shape::Plain { keys },
        };
        read(name.as_str(), parquet, shape)
    }

    /// The observations of a model in `[from, to)` whose label was known before `at`, each joined with the features that
    /// serving would have had at its instant. `builds` holds per view the builds to join with, by their T.
    pub fn training_set(
        &self,
        model: &Name,
        (from, to): (Timestamp, Timestamp),
        at: Timestamp,
        builds: &BTreeMap<Name, Vec<(Timestamp, Bytes)>>,
    ) -> Result<TrainingFrame, Error> {
        training_set(self, &TrainingRequest { model, from, to, at, builds })
    }

    pub(crate) fn view<'a>(&'a self, name: &Name) -> Result<(&'a Name, &'a FeatureView), Error> {
        self.project.feature_views.get_key_value(name).ok_or_else(|| unknown("feature view", name))
    }

    pub(crate) fn model<'a>(&'a self, name: &Name) -> Result<(&'a Name, &'a Model), Error> {
        self.project.models.get_key_value(name).ok_or_else(|| unknown("model", name))
    }

    pub(crate) fn source_view<'a>(&'a self, name: &'a Name, schema: &'a SourceSchema) -> Result<SourceView<'a>, Error> {
        let source = self.project.sources.get(name).ok_or_else(|| unknown("source", name))?;
        Ok(SourceView { name, source, schema })
    }

    fn schemas_of<'a>(&self, names: impl IntoIterator<Item = &'a Name>) -> Result<BTreeMap<Name, SourceSchema>, Error> {
        let read = |name: &Name| Ok((name.clone(), (*self.source_schema(name)?).clone()));
        names.into_iter().map(read).collect()
    }
}

/// The folders outside the project that its sources may read from.
pub fn data_roots(project: &Project) -> Vec<PathBuf> {
    project.data_roots.iter().map(|folder| PathBuf::from(&folder.value)).collect()
}

fn unknown(kind: &'static str, name: &Name) -> Error {
    Error::Unknown { kind, name: name.to_string() }
}

fn sources_of(view: &FeatureView) -> Vec<&Name> {
    match &view.definition {
        ViewDefinition::Aggregates { source, .. } | ViewDefinition::Latest { source, .. } => vec![&source.value],
        ViewDefinition::Sql { sources, .. } => sources.iter().collect(),
    }
}

fn declaration(kind: &'static str, name: &Name, problems: &[Problem]) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(misfit(kind, name, problems)) }
}

fn misfit(kind: &'static str, name: &Name, problems: &[Problem]) -> Error {
    let messages: Vec<&str> = problems.iter().take(5).map(|problem| problem.message.as_str()).collect();
    let detail = if messages.is_empty() { "something it refers to is missing".to_owned() } else { messages.join("; ") };
    Error::Declaration { kind, name: name.to_string(), detail }
}
