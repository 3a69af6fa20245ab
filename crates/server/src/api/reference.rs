//! The API's own description: `/api/openapi.json`, and the page at `/api` made from it.
//!
//! Invariant: both come from the annotations on the handlers, so they list every route and no other. The page needs no
//! script and loads nothing from elsewhere.

use std::{collections::BTreeMap, sync::LazyLock};

use askama::Template;
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        Components, ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        SecurityRequirement, ServerBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::problem::{Problem, ProblemField};
use crate::{
    pages::{self, Reader},
    texts::Texts,
};

/// Resources in the order of the page.
pub(super) const TAGS: &[&str] = &[
    "policies",
    "versions",
    "notices",
    "people",
    "departments",
    "groups",
    "schedules",
    "robots",
    "channels",
    "deliveries",
    "receipts",
    "audit",
    "tokens",
    "calendar",
];

/// Adds what holds for every route: the token, the problem answers, the order.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Yuezhi 阅知")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Policies, notices and who confirmed what. Send a token: `Authorization: Bearer yuezhi_…`. \
             Errors are application/problem+json; decide by `code`. Times are RFC 3339 in UTC. \
             A POST with an `Idempotency-Key` can be repeated for 24 hours without doing anything twice.",
        ))
        .build();
    api.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    api.tags = Some(
        TAGS.iter()
            .map(|name| TagBuilder::new().name(*name).build())
            .collect(),
    );
    let components = api.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    components
        .schemas
        .insert(ProblemField::name().into_owned(), ProblemField::schema());
    api.security = Some(vec![SecurityRequirement::new(
        "token",
        Vec::<String>::new(),
    )]);
    let problem = || {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Problem::name())))
            .build();
        ResponseBuilder::new()
            .description("What went wrong and what to do")
            .content("application/problem+json", content)
            .build()
    };
    for item in api.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.delete,
            &mut item.patch,
        ]
        .into_iter()
        .flatten();
        for operation in operations {
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem()));
        }
    }
    api
}

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(super::description()).unwrap_or_default());

pub(super) async fn openapi() -> Response {
    Json(&*DESCRIPTION).into_response()
}

/// The browsable page.
pub(super) async fn page(reader: Reader) -> Response {
    let groups = groups(&DESCRIPTION);
    pages::page(
        reader.texts,
        &ReferencePage {
            t: reader.texts,
            groups: &groups,
        },
    )
}

#[derive(Template)]
#[template(path = "api.html")]
struct ReferencePage<'a> {
    t: Texts,
    groups: &'a [Group],
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    anchor: String,
    method: String,
    path: String,
    summary: String,
    description: String,
    parameters: Vec<Member>,
    body: Option<Shape>,
    answer: Option<Shape>,
}

/// Members of a body, or of an answer.
struct Shape {
    media_type: String,
    name: String,
    is_list: bool,
    members: Vec<Member>,
}

struct Member {
    name: String,
    kind: String,
    required: bool,
    description: String,
}

fn groups(api: &Value) -> Vec<Group> {
    let mut found: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    let empty = serde_json::Map::new();
    for (path, item) in api["paths"].as_object().unwrap_or(&empty) {
        for method in ["get", "post", "put", "delete"] {
            let operation = &item[method];
            if operation.is_null() {
                continue;
            }
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let at = TAGS
                .iter()
                .position(|name| *name == tag)
                .unwrap_or(TAGS.len());
            found
                .entry(at)
                .or_default()
                .push(of_operation(api, method, path, operation));
        }
    }
    let name = |at: usize| TAGS.get(at).copied().unwrap_or_default().to_owned();
    found
        .into_iter()
        .map(|(at, operations)| Group {
            name: name(at),
            operations,
        })
        .collect()
}

fn of_operation(api: &Value, method: &str, path: &str, operation: &Value) -> Operation {
    let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
    let parameters = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| Member {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            kind: kind(&parameter["schema"]),
            required: parameter["required"].as_bool().unwrap_or(false),
            description: parameter["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        });
    let answers = operation["responses"].as_object();
    let success = answers
        .and_then(|all| all.iter().find(|(status, _)| status.starts_with('2')))
        .map(|(_, answer)| answer);
    Operation {
        anchor: text("operationId"),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text("summary"),
        description: text("description"),
        parameters: parameters.collect(),
        body: shape(api, &operation["requestBody"]["content"]),
        answer: success.and_then(|answer| shape(api, &answer["content"])),
    }
}

fn shape(api: &Value, content: &Value) -> Option<Shape> {
    let (media_type, content) = content.as_object()?.iter().next()?;
    let schema = &content["schema"];
    let name = kind(schema);
    let whole = resolved(api, schema);
    let items = &whole["properties"]["items"];
    // Lists are shown by what is in them.
    let is_list = !items["items"].is_null();
    let shown = if is_list {
        resolved(api, &items["items"])
    } else {
        whole
    };
    let required: Vec<&str> = shown["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let members = shown["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| Member {
            name: name.clone(),
            kind: kind(property),
            required: required.contains(&name.as_str()),
            description: description_of(property),
        });
    Some(Shape {
        media_type: media_type.clone(),
        name,
        is_list,
        members: members.collect(),
    })
}

fn description_of(property: &Value) -> String {
    property["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn resolved<'a>(api: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => reference
            .trim_start_matches('#')
            .split('/')
            .skip(1)
            .fold(api, |value, part| &value[part]),
        None => schema,
    }
}

/// A short word for a schema: `string`, `[Notice]`, `Version`.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(variants) = schema["oneOf"]
        .as_array()
        .or_else(|| schema["anyOf"].as_array())
    {
        let named = variants.iter().map(kind).find(|kind| kind != "null");
        return named.unwrap_or_default();
    }
    let of = |word: &str| match word {
        "array" => format!("[{}]", kind(&schema["items"])),
        word => word.to_owned(),
    };
    match &schema["type"] {
        Value::String(word) => of(word),
        Value::Array(words) => words
            .iter()
            .filter_map(Value::as_str)
            .find(|word| *word != "null")
            .map(of)
            .unwrap_or_default(),
        _ => "object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_under_a_known_resource_with_a_summary() {
        for group in groups(&DESCRIPTION) {
            assert!(
                TAGS.contains(&group.name.as_str()),
                "«{}» is no resource",
                group.name
            );
            for operation in group.operations {
                assert!(
                    !operation.summary.is_empty(),
                    "{} {}",
                    operation.method,
                    operation.path
                );
                assert!(operation.path.starts_with("/api/v1/"), "{}", operation.path);
            }
        }
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let text = DESCRIPTION.to_string();
        for part in text.split("\"$ref\":\"").skip(1) {
            let reference = part.split('"').next().unwrap_or_default();
            let schema = serde_json::json!({ "$ref": reference });
            assert!(!resolved(&DESCRIPTION, &schema).is_null(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for operation in groups(&DESCRIPTION)
            .into_iter()
            .flat_map(|group| group.operations)
        {
            assert!(
                seen.insert(operation.anchor.clone()),
                "{} stands twice",
                operation.anchor
            );
        }
    }
}
