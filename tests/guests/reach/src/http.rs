//! Verbs for the grant `http`. The answer is the status and the body, or `error: …`.
//!
//! | verb | does |
//! |---|---|
//! | `get URL`, `post URL BODY`, `send METHOD URL` | sends a request |
//! | `get-with NAME:VALUE URL` | the same with a header |
//! | `follow URL` | asks again at the place that the response names |
//! | `size URL` | gives the body's length in its place |

use sandmill_stage::http::{Error, Request, Response};

use crate::{Answer, told, two};

/// See above.
pub fn verbs(verb: &str, rest: &str) -> Answer {
    let (first, second) = two(rest);
    Some(match verb {
        "get" => told(shown(Request::get(first))),
        "post" => told(shown(Request::post(first).body(second))),
        "send" => told(shown(Request::new(first, second))),
        "get-with" => {
            let (name, value) = first.split_once(':').unwrap_or((first, ""));
            told(shown(Request::get(second).header(name, value)))
        }
        "follow" => told(follow(first).as_ref().map(show)),
        "size" => {
            told(Request::get(first).send().map(|Response { status, body, .. }| format!("{status} {}", body.len())))
        }
        _ => return None,
    })
}

fn follow(url: &str) -> Result<Response, Error> {
    let response = Request::get(url).send()?;
    match response.header("location") {
        Some(elsewhere) => Request::get(elsewhere).send(),
        None => Ok(response),
    }
}

fn shown(request: Request) -> Result<String, Error> {
    request.send().as_ref().map(show).map_err(Clone::clone)
}

fn show(response: &Response) -> String {
    format!("{} {}", response.status, String::from_utf8_lossy(&response.body).replace('\n', "\\n"))
}
