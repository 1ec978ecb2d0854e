//! Analysis of a project: spec, schemas and kinds to a typed plan or problems.
