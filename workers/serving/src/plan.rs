//! A model's way from a request to a raw row, worked out once when it is loaded: which fields a row has, which keys read
//! which views, and where each value goes. Requests follow it without looking up a name.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use daybreak_features::Generation;
use daybreak_model::{FeatureField, Signature};
use daybreak_spec::{ColumnType, Missing, Name};

/// The way.
pub struct Plan {
    /// What a row of a request holds: entity keys and inputs, each name once.
    pub fields: Vec<Field>,
    /// Field of each input, in the order of the raw row.
    pub inputs: Vec<usize>,
    /// What is read from the online store per row.
    pub reads: Vec<Read>,
    /// Role -> its read, in order of first use.
    pub roles: Vec<(Name, usize)>,
    by_name: HashMap<String, usize>,
}

/// One name of a request's row.
pub struct Field {
    /// The name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether the model refuses an answer when it is null.
    pub refuses_null: bool,
}

/// One key of one view, and the features taken from it.
pub struct Read {
    /// The view.
    pub view: Name,
    /// Equal for reads of one view.
    pub view_number: usize,
    /// Fields that make up the key, in the view's order.
    pub key_fields: Vec<usize>,
    /// The features.
    pub uses: Vec<Use>,
    resolved: ArcSwapOption<Resolved>,
}

/// One feature of a model.
pub struct Use {
    /// Place among the model's features.
    pub feature: usize,
    /// `{role}__{feature}`.
    pub column: String,
    /// Its name in the view.
    pub name: String,
    /// Its type in the model.
    pub column_type: ColumnType,
    /// What happens without it.
    pub missing: Missing,
    /// Largest age the model was trained with.
    pub ttl_us: Option<i64>,
}

/// Where a generation holds the features of a read.
struct Resolved {
    generation: Arc<Generation>,
    places: Arc<[usize]>,
}

impl Plan {
    /// Works it out; the error says what in the signature cannot be served.
    pub fn new(signature: &Signature) -> Result<Self, String> {
        let mut plan = Self {
            fields: Vec::new(),
            inputs: Vec::new(),
            reads: Vec::new(),
            roles: Vec::new(),
            by_name: HashMap::new(),
        };
        for key in &signature.entity_keys {
            plan.add_field(&key.name, key.column_type)?;
        }
        for input in &signature.inputs {
            let field = plan.add_field(&input.name, input.column_type)?;
            plan.fields[field].refuses_null = signature.missing == Missing::Refuse;
            plan.inputs.push(field);
        }
        for (place, feature) in signature.features.iter().enumerate() {
            plan.add_feature(place, feature)?;
        }
        Ok(plan)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A name may be a key and an input; then it is one field, of the input's type.
    fn add_field(&mut self, name: &str, column_type: ColumnType) -> Result<usize, String> {
        let Some(field) = self.field(name) else {
            self.by_name.insert(name.to_owned(), self.fields.len());
            self.fields.push(Field { name: name.to_owned(), column_type, refuses_null: false });
            return Ok(self.fields.len() - 1);
        };
        let known = &mut self.fields[field].column_type;
        if *known != column_type && !(known.is_integer() && column_type.is_integer()) {
            return Err(format!(
                "`{name}` is a key of type {} and an input of type {}",
                known.name(),
                column_type.name()
            ));
        }
        *known = column_type;
        Ok(field)
    }

    fn add_feature(&mut self, place: usize, feature: &FeatureField) -> Result<(), String> {
        let mut key_fields = Vec::with_capacity(feature.keys.len());
        for (_, column) in &feature.keys {
            let field = self.field(column).ok_or_else(|| format!("`{}` needs key `{column}`", feature.name))?;
            key_fields.push(field);
        }
        let same = |read: &Read| read.view == feature.view && read.key_fields == key_fields;
        let read = self.reads.iter().position(same).unwrap_or_else(|| {
            let of_view = self.reads.iter().find(|read| read.view == feature.view);
            let view_number = of_view.map_or(self.reads.len(), |read| read.view_number);
            let (view, uses, resolved) = (feature.view.clone(), Vec::new(), ArcSwapOption::empty());
            self.reads.push(Read { view, view_number, key_fields, uses, resolved });
            self.reads.len() - 1
        });
        self.reads[read].uses.push(Use {
            feature: place,
            column: feature.name.clone(),
            name: feature.feature.clone(),
            column_type: feature.column_type,
            missing: feature.missing,
            ttl_us: feature.ttl_us,
        });
        if !self.roles.iter().any(|(role, _)| *role == feature.role) {
            self.roles.push((feature.role.clone(), read));
        }
        Ok(())
    }
}

impl Read {
    /// Where the generation holds each used feature; worked out once per generation. The error names what is missing
    /// or of another type: a model never reads features of another schema.
    pub fn places(&self, generation: &Arc<Generation>) -> Result<Arc<[usize]>, String> {
        if let Some(resolved) = &*self.resolved.load()
            && Arc::ptr_eq(&resolved.generation, generation)
        {
            return Ok(Arc::clone(&resolved.places));
        }
        let mut places = Vec::with_capacity(self.uses.len());
        for wanted in &self.uses {
            let place = generation.feature_names.iter().position(|name| *name == wanted.name);
            let place = place.ok_or_else(|| {
                format!("the generation of view `{}` in service has no feature `{}`", self.view, wanted.name)
            })?;
            let found = generation.feature_types.get(place).copied();
            if found != Some(wanted.column_type) {
                return Err(format!(
                    "feature `{}` of view `{}` is {} in service and {} in the model",
                    wanted.name,
                    self.view,
                    found.map_or("untyped", ColumnType::name),
                    wanted.column_type.name()
                ));
            }
            places.push(place);
        }
        let places: Arc<[usize]> = places.into();
        let generation = Arc::clone(generation);
        self.resolved.store(Some(Arc::new(Resolved { generation, places: Arc::clone(&places) })));
        Ok(places)
    }
}
