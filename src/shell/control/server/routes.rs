//! Routes of the control socket: HTTP in, [`ControlRequest`] out, JSON back.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{ControlRequest, Limits, Reply};
use crate::api::{ErrorReply, PlanRequest};
use crate::shell::control::SERVER;
use crate::shell::outbox::Outbox;

/// What one connection needs. Its slot goes with its one request.
#[derive(Clone)]
struct Desk {
    requests: Outbox<ControlRequest>,
    limits: Limits,
    slot: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// The routes for one connection.
pub(super) fn routes(requests: Outbox<ControlRequest>, limits: Limits, slot: OwnedSemaphorePermit) -> Router {
    let desk = Desk { requests, limits, slot: Arc::new(Mutex::new(Some(slot))) };
    let router = Router::new()
        .route("/v1/snapshot", get(snapshot))
        .route("/v1/brief", get(brief))
        .route("/v1/plan", post(plan))
        .route("/v1/reload", post(reload))
        .route("/v1/server", post(server))
        .method_not_allowed_fallback(async || {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "this route is asked with the other of GET and POST")
        })
        .fallback(async || {
            let text = "no such route; there are GET /v1/snapshot, GET /v1/brief, POST /v1/plan, POST /v1/reload and POST /v1/server";
            refuse(StatusCode::NOT_FOUND, text)
        })
        .with_state(desk);
    signed(router)
}

/// What those get who come when all slots are taken.
pub(super) fn busy(clients: usize) -> Router {
    signed(Router::new().fallback(async move || {
        let text = format!("{clients} requests are under way already, which is the most; try again in a moment");
        refuse(StatusCode::SERVICE_UNAVAILABLE, text)
    }))
}

/// Every reply says who wrote it.
fn signed(router: Router) -> Router {
    router.layer(map_response(async |mut response: Response| {
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static(SERVER));
        response
    }))
}

async fn snapshot(State(desk): State<Desk>) -> Response {
    desk.ask(ControlRequest::Snapshot)
        .await
        .map_or_else(IntoResponse::into_response, |reply| json(StatusCode::OK, &reply))
}

async fn brief(State(desk): State<Desk>) -> Response {
    desk.ask(ControlRequest::Brief).await.map_or_else(IntoResponse::into_response, |reply| json(StatusCode::OK, &reply))
}

async fn plan(State(desk): State<Desk>, request: Request) -> Response {
    let request = match desk.read(request, Some(PlanRequest::default())).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match desk.ask(|reply| ControlRequest::Plan(request, reply)).await {
        Ok(Ok(reply)) => json(StatusCode::OK, &reply),
        Ok(Err(error)) => json(StatusCode::UNPROCESSABLE_ENTITY, &error),
        Err(refusal) => refusal,
    }
}

async fn reload(State(desk): State<Desk>) -> Response {
    desk.ask(ControlRequest::Reload)
        .await
        .map_or_else(IntoResponse::into_response, |reply| json(StatusCode::OK, &reply))
}

async fn server(State(desk): State<Desk>, request: Request) -> Response {
    let request = match desk.read(request, None).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match desk.ask(|reply| ControlRequest::Server(request, reply)).await {
        Ok(Ok(reply)) => json(StatusCode::OK, &reply),
        Ok(Err(error)) => json(StatusCode::UNPROCESSABLE_ENTITY, &error),
        Err(refusal) => refusal,
    }
}

impl Desk {
    /// Hands a question over and waits for its answer, as long as the limit says.
    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> ControlRequest) -> Result<T, Response> {
        let Some(slot) = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "one connection carries one request"));
        };
        let (to, answer) = oneshot::channel();
        if !self.requests.send(question(Reply { to, _slot: slot })) {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping"));
        }
        match tokio::time::timeout(self.limits.answer, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "the daemon had no answer: it is starting or stopping, or the part that was asked has just failed; see its log",
            )),
            Err(_) => Err(refuse(
                StatusCode::GATEWAY_TIMEOUT,
                format!("the daemon did not answer within {:?}; see its log", self.limits.answer),
            )),
        }
    }

    /// What a request says; where it says nothing, `nothing`.
    async fn read<T: DeserializeOwned>(&self, request: Request, nothing: Option<T>) -> Result<T, Response> {
        let most = self.limits.body;
        let body: Bytes = to_bytes(request.into_body(), most)
            .await
            .map_err(|_| refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {most} bytes")))?;
        if let (true, Some(nothing)) = (body.is_empty(), nothing) {
            return Ok(nothing);
        }
        serde_json::from_slice(&body)
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("the request is not understood: {error}")))
    }
}

fn refuse(status: StatusCode, error: impl Into<String>) -> Response {
    json(status, &ErrorReply { error: error.into() })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
    match serde_json::to_vec(value) {
        Ok(body) => (status, [JSON], body).into_response(),
        Err(error) => {
            tracing::error!("a reply of the control socket cannot be written: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, [JSON], r#"{"error":"the reply cannot be written; see the log"}"#)
                .into_response()
        }
    }
}
