//! Where objects and logs are: the project's folder, or the bucket that the command line or the environment names. The one
//! place that reads the credentials of a bucket.

use std::path::Path;

use daybreak_artifacts::{Access, Bucket, CACHE_BYTES, PATIENCE, Place};

use crate::failure::{Failure, Outcome};
use crate::machine::variable;

const REGION: &str = "us-east-1";

/// The folder in a state folder.
pub fn folder(state: &Path) -> Place {
    Place::Folder(state.join("artifacts"))
}

/// What the command line or `DAYBREAK_ARTIFACTS` names; none: the folder.
///
/// # Errors
/// When it is no bucket, or when what it is asked with is missing.
pub fn artifacts(state: &Path, argument: Option<&str>) -> Outcome<Place> {
    let Some(url) = named(argument) else { return Ok(folder(state)) };
    bucket(state, &url, &variable).map(|bucket| Place::Bucket(Box::new(bucket)))
}

/// What a role that is not the server shares with it: a bucket, or a folder. Copies go below `data_dir`.
///
/// # Errors
/// When none is named, or when what a bucket is asked with is missing.
pub fn shared(data_dir: &Path, argument: Option<&str>) -> Outcome<Place> {
    let Some(named) = named(argument) else {
        return Err(Failure::usage(
            "builds, models and logs are shared with the server: name its bucket or its `.daybreak/artifacts` with \
             --artifacts or DAYBREAK_ARTIFACTS",
        ));
    };
    if named.contains("://") {
        return bucket(data_dir, &named, &variable).map(|bucket| Place::Bucket(Box::new(bucket)));
    }
    Ok(Place::Folder(named.into()))
}

fn named(argument: Option<&str>) -> Option<String> {
    let named = argument.map(str::to_owned).or_else(|| variable("DAYBREAK_ARTIFACTS"));
    named.filter(|named| !named.is_empty())
}

/// A folder has to be there.
///
/// # Errors
/// When it is not.
pub fn on_disk(place: Place) -> Outcome<Place> {
    let Place::Folder(folder) = place else { return Ok(place) };
    folder.canonicalize().map(Place::Folder).map_err(|error| {
        Failure::configuration(format!(
            "cannot open the artefacts in {}: {error}; name the server's `.daybreak/artifacts`",
            folder.display()
        ))
    })
}

/// How buckets are asked that tasks wait for objects in; none where the environment holds no key.
///
/// # Errors
/// When the variables contradict each other.
pub fn asked_alike(state: &Path) -> Outcome<Option<Bucket>> {
    if variable("AWS_ACCESS_KEY_ID").is_none() || variable("AWS_SECRET_ACCESS_KEY").is_none() {
        return Ok(None);
    }
    // The name is that of whatever is looked for.
    bucket(state, "s3://any", &variable).map(Some)
}

/// How a worker on the command line is told of it.
pub fn shown_place(place: &Place) -> String {
    match place {
        Place::Folder(folder) => folder.display().to_string(),
        Place::Bucket(bucket) => bucket.url(),
    }
}

fn bucket(state: &Path, url: &str, variable: &impl Fn(&str) -> Option<String>) -> Outcome<Bucket> {
    let (name, prefix) = Bucket::split(url).map_err(|error| Failure::usage(error.to_string()))?;
    let needed = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let [Some(key_id), Some(secret_key)] = needed.map(variable) else {
        let missing: Vec<_> = needed.into_iter().filter(|name| variable(name).is_none()).collect();
        return Err(Failure::usage(format!("{url} is asked with credentials: set {}", missing.join(" and "))));
    };
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    check_endpoint(endpoint.as_deref(), variable("AWS_ALLOW_HTTP").as_deref())?;
    Ok(Bucket {
        name,
        prefix,
        endpoint: endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| REGION.to_owned()),
        access: Access { key_id, secret_key, session_token: variable("AWS_SESSION_TOKEN") },
        cache: state.join("cache/objects"),
        cache_bytes: CACHE_BYTES,
        patience_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Over plain HTTP models and logs can be read on the way, so it has to be asked for.
fn check_endpoint(endpoint: Option<&str>, allow_http: Option<&str>) -> Outcome<()> {
    let Some(endpoint) = endpoint else { return Ok(()) };
    if endpoint.starts_with("https://") {
        return Ok(());
    }
    if !endpoint.starts_with("http://") {
        return Err(Failure::usage(format!(
            "AWS_ENDPOINT_URL is `{endpoint}`; write https://host or https://host:port"
        )));
    }
    let allowed = allow_http.is_some_and(|text| ["1", "true", "yes"].contains(&text.to_ascii_lowercase().as_str()));
    if allowed {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{endpoint} would carry objects and logs in the clear; write https://, or set AWS_ALLOW_HTTP=true, e.g. for a server \
         on this host"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, variables: &[(&str, &str)]) -> Result<Bucket, String> {
        let of =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        bucket(Path::new("/p/.daybreak"), url, &of).map_err(|failure| failure.message)
    }

    #[test]
    fn the_standard_variables_say_how_a_bucket_is_asked() {
        let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let plain = asked("s3://artefacts/risk", &keys).expect("a bucket");
        assert_eq!((plain.region.as_str(), plain.endpoint, plain.access.session_token), ("us-east-1", None, None));
        assert_eq!(plain.cache, Path::new("/p/.daybreak/cache/objects"));
        let more =
            [("AWS_REGION", "eu-west-1"), ("AWS_SESSION_TOKEN", "t"), ("AWS_ENDPOINT_URL", "https://s3.firm.example/")];
        let full = asked("s3://artefacts", &[&keys[..], &more[..]].concat()).expect("a bucket");
        assert_eq!(full.to_string(), "s3://artefacts at https://s3.firm.example");
        assert_eq!((full.region.as_str(), full.access.session_token.as_deref()), ("eu-west-1", Some("t")));
    }

    #[test]
    fn missing_credentials_and_plain_http_are_refused_with_what_to_do() {
        let none = asked("s3://artefacts", &[]).expect_err("no credentials");
        assert!(none.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{none}");
        let one = asked("s3://artefacts", &[("AWS_ACCESS_KEY_ID", "key")]).expect_err("half of them");
        assert!(one.ends_with("set AWS_SECRET_ACCESS_KEY"), "{one}");
        let keys =
            [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_ENDPOINT_URL", "http://h:1")];
        let clear = asked("s3://artefacts", &keys).expect_err("in the clear");
        assert!(clear.contains("AWS_ALLOW_HTTP=true"), "{clear}");
        assert!(asked("s3://artefacts", &[&keys[..], &[("AWS_ALLOW_HTTP", "true")]].concat()).is_ok());
        let odd =
            asked("s3://artefacts", &[&keys[..2], &[("AWS_ENDPOINT_URL", "h:1")]].concat()).expect_err("no address");
        assert!(odd.contains("https://host"), "{odd}");
        assert!(asked("artefacts", &keys).expect_err("no bucket").contains("s3://bucket"));
    }
}
