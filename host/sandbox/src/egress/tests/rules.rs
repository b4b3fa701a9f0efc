//! Who is reached, and who is not.

use std::sync::atomic::Ordering;

use super::rig::{BOUNDS, Server, Stage, get, text};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_granted_request_is_answered() {
    let server = Server::saying(HELLO).await;
    for (rule, host) in [("GET http://localhost:*/a", "localhost"), ("http://127.0.0.1:*", "127.0.0.1")] {
        let mut stage = Stage::new(&[rule], &[], BOUNDS);
        let response = stage.get(&format!("http://{host}:{}/a/b?c=d", server.port)).await.expect(rule);
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await.unwrap(), "hello");
    }
    assert!(server.heads()[0].starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{:?}", server.heads());
}

#[tokio::test]
async fn what_no_rule_allows_is_refused_before_anything_is_looked_up() {
    let server = Server::saying(HELLO).await;
    let port = server.port;
    let mut stage = Stage::new(&[&format!("GET,HEAD http://localhost:{port}/v1")], &[], BOUNDS);
    for uri in [
        format!("http://localhost:{port}/v2"),
        format!("http://localhost:{port}/v1/../v2"),
        format!("http://localhost:{port}/v1/%2e%2e/v2"),
        format!("http://127.0.0.1:{port}/v1"),
        format!("http://localhost.evil.example:{port}/v1"),
        format!("https://localhost:{port}/v1"),
        "http://localhost:1/v1".to_owned(),
        "http://localhost/v1".to_owned(),
    ] {
        assert_eq!(stage.refusal(&uri).await, "HttpRequestDenied", "{uri}");
    }
    let post = http::Request::post(format!("http://localhost:{port}/v1")).body(super::rig::empty()).unwrap();
    assert!(stage.send(post).await.is_err());
    assert_eq!(stage.names.asked.load(Ordering::Relaxed), 0);
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn a_refused_request_is_a_warning_that_leaves_out_the_query() {
    let mut stage = Stage::new(&[], &[], BOUNDS);
    stage.refusal("https://example.com/a?token=hunter2").await;
    assert_eq!(stage.warning().await, "GET https://example.com:443/a: refused: no http rule of the stage allows it",);
}

#[tokio::test]
async fn a_public_name_that_points_inside_is_refused_without_a_connection() {
    let server = Server::saying(HELLO).await;
    let port = server.port;
    for addresses in [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["192.168.1.1"],
        &["169.254.169.254"],
        &["100.64.0.1"],
        &["0.0.0.0"],
        &["::1"],
        &["::"],
        &["fe80::1"],
        &["fd00:ec2::254"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::1"],
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["2606:4700::1111", "::1"],
    ] {
        for rule in ["http://*:*", "http://api.example.com:*", "http://*.example.com:*"] {
            let mut stage = Stage::new(&[rule], &[("api.example.com", addresses)], BOUNDS);
            let refusal = stage.refusal(&format!("http://api.example.com:{port}/")).await;
            assert_eq!(refusal, "DestinationIpProhibited", "{rule} {addresses:?}");
            assert!(stage.warning().await.contains("which is not a public address"));
        }
    }
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn an_address_inside_is_refused_in_every_spelling() {
    let server = Server::saying(HELLO).await;
    let mut stage = Stage::new(&["http://*:*"], &[], BOUNDS);
    for (host, refusal) in [
        ("127.0.0.1", "DestinationIpProhibited"),
        ("[::1]", "DestinationIpProhibited"),
        ("[::ffff:127.0.0.1]", "DestinationIpProhibited"),
        ("localhost", "DestinationIpProhibited"),
        ("0.0.0.0", "DestinationIpProhibited"),
        ("127.1", "HttpRequestDenied"),
        ("2130706433", "HttpRequestDenied"),
        ("0x7f000001", "HttpRequestDenied"),
        ("localhost.", "HttpRequestDenied"),
    ] {
        assert_eq!(stage.refusal(&format!("http://{host}:{}/", server.port)).await, refusal, "{host}");
    }
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn only_the_rule_that_allows_a_request_permits_its_address() {
    let names: [(&str, &[&str]); 1] = [("evil.example", &["127.0.0.1"])];
    let server = Server::saying(HELLO).await;
    let mut stage = Stage::new(&["http://localhost:*", "http://127.0.0.1:*", "http://*:*"], &names, BOUNDS);
    let refusal = stage.refusal(&format!("http://evil.example:{}/", server.port)).await;
    assert_eq!(refusal, "DestinationIpProhibited");
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn a_name_that_lies_inside_is_told_how_to_be_granted_and_a_metadata_service_is_not() {
    let names: [(&str, &[&str]); 2] = [("wiki.corp", &["10.0.0.7"]), ("meta.corp", &["169.254.169.254"])];
    let mut stage = Stage::new(&["http://*"], &names, BOUNDS);
    stage.refusal("http://wiki.corp/").await;
    assert_eq!(
        stage.warning().await,
        "GET http://wiki.corp:80/: refused: wiki.corp is at 10.0.0.7, which is not a public address; if this is intended, grant it by name, with \"private:http://wiki.corp\" in the rule",
    );
    stage.refusal("http://meta.corp/").await;
    let warning = stage.warning().await;
    assert!(warning.ends_with("meta.corp is at 169.254.169.254, which is not a public address"), "{warning}");
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_request() {
    let server = Server::saying(HELLO).await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], BOUNDS);
    for times in 1..=3 {
        stage.get(&format!("http://localhost:{}/", server.port)).await.expect("an answer");
        assert_eq!(stage.names.asked.load(Ordering::Relaxed), times);
    }
}

#[tokio::test]
async fn a_redirect_inward_arrives_and_following_it_is_refused() {
    let inside = Server::saying(HELLO).await;
    let location = format!("http://127.0.0.1:{}/secret", inside.port);
    let front =
        Server::saying(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await;
    let mut stage = Stage::new(&["http://localhost:*", "http://*:*"], &[], BOUNDS);
    let response = stage.get(&format!("http://localhost:{}/", front.port)).await.expect("the redirect");
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], location.as_str());
    assert_eq!(stage.refusal(&location).await, "DestinationIpProhibited");
    assert_eq!(inside.connections().await, 0);
}

#[tokio::test]
async fn a_request_that_names_more_than_a_host_and_a_port_is_refused() {
    let mut stage = Stage::new(&["http://*:*"], &[], BOUNDS);
    for uri in ["http://localhost@example.com/", "http://me:word@example.com/", "http://example.com:/"] {
        assert_eq!(stage.refusal(uri).await, "HttpRequestUriInvalid", "{uri}");
    }
    assert_eq!(stage.refusal("http://example.com:0/").await, "HttpRequestUriInvalid");
    let relative = http::Request::get("/path").body(super::rig::empty()).unwrap();
    assert!(stage.send(relative).await.is_err());
}

#[tokio::test]
async fn an_unknown_name_is_an_error_of_its_own() {
    let mut stage = Stage::new(&["http://*"], &[("nowhere.example", &[])], BOUNDS);
    assert!(stage.refusal("http://unknown.example/").await.starts_with("DnsError"));
    assert_eq!(stage.refusal("http://nowhere.example/").await, "DestinationNotFound");
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let server = Server::saying(HELLO).await;
    // Nobody listens at the first.
    let names: [(&str, &[&str]); 1] = [("localhost", &["127.0.0.77", "127.0.0.1"])];
    let mut stage = Stage::new(&["http://localhost:*"], &names, BOUNDS);
    let response = stage.send(get(&format!("http://localhost:{}/", server.port))).await.expect("an answer");
    assert_eq!(text(response).await.unwrap(), "hello");
}
