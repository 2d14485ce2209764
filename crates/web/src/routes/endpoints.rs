//! Generators, the user's own endpoints, and behind them the console's files (`docs/http.md` §7, §1.3).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use runtime::{EndpointMatch, EndpointReply, GeneratorStatus};
use serde::{Deserialize, Serialize};

use super::{
    Answer, App, Params, PathNames, blocking, connection, json, name, percent_decode, stream_place, written_json,
};
use crate::problem::Problem;
use crate::safety::Connection;
use crate::server::Shared;
use crate::{assets, stream};

#[derive(Serialize)]
struct Generators {
    generators: Vec<GeneratorStatus>,
}

pub(super) async fn generators(State(shared): App) -> Answer {
    json(&Generators { generators: blocking(&shared, |instance| Ok(instance.generators())).await? })
}

/// `{}`: the JSON body that makes a browser ask before another site may send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) async fn pause(State(shared): App, path: PathNames, request: Request) -> Answer {
    let Nothing {} = written_json(&shared, request).await?;
    json(&blocking(&shared, move |instance| instance.generator_pause(name(&path, "name"))).await?)
}

pub(super) async fn resume(State(shared): App, path: PathNames, request: Request) -> Answer {
    let Nothing {} = written_json(&shared, request).await?;
    json(&blocking(&shared, move |instance| instance.generator_resume(name(&path, "name"))).await?)
}

/// Everything that is not Millstream's own path.
pub(super) async fn endpoint_or_file(State(shared): App, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    // A HEAD is judged as the GET that it stands for: on an endpoint that writes it is refused.
    let method = if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() };
    let path = percent_decode(parts.uri.path(), false);
    match shared.instance.endpoint(method, &path) {
        EndpointMatch::Found(call) => {
            if call.info().writes {
                shared.policy.admit_write(&parts, &connection(&parts)?)?;
            } else if parts.method == Method::HEAD {
                return Ok(Response::new(Body::empty()));
            }
            let reply = call.call(&Params::decode(parts.uri.query())).await?;
            answer(&shared, connection(&parts)?, reply)
        }
        EndpointMatch::MethodNotAllowed(methods) => Err(Problem::method_not_allowed(&methods)),
        EndpointMatch::NotFound if matches!(parts.method, Method::GET | Method::HEAD) => {
            let not_found = || {
                let cause = format!("there is nothing at {path}");
                Problem::new(StatusCode::NOT_FOUND, "not_found", cause).fix("/openapi.json lists what there is")
            };
            assets::serve(&path, &parts.headers).ok_or_else(not_found)
        }
        EndpointMatch::NotFound => {
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}")))
        }
    }
}

fn answer(shared: &Shared, connection: Connection, reply: EndpointReply) -> Answer {
    Ok(match reply {
        EndpointReply::Ticker(ticker) => stream::ticker(shared, stream_place(shared, connection)?, ticker),
        EndpointReply::Json(json) => json_text(json),
        EndpointReply::Written { json, topic, partition, offset, timestamp_ms } => {
            let mut response = json_text(json);
            let headers = response.headers_mut();
            for (name, value) in [
                ("kafka-topic", topic),
                ("kafka-partition", partition.to_string()),
                ("kafka-offset", offset.to_string()),
                ("kafka-timestamp", timestamp_ms.to_string()),
            ] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(name, value);
                }
            }
            response
        }
    })
}

fn json_text(json: String) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
