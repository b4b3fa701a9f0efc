//! What a rule lets through, what it never does, and how it says that it was written wrong.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

fn rule(text: &str) -> HttpRule {
    HttpRule::parse(text).unwrap_or_else(|flaw| panic!("{text}: {flaw}"))
}

fn target<'a>(method: &'a str, scheme: &'a str, host: &'a str, port: u16, path: &'a str) -> HttpTarget<'a> {
    HttpTarget { method, scheme, host, port, path }
}

fn get(host: &str) -> HttpTarget<'_> {
    target("GET", "https", host, 443, "/")
}

fn allows_path(text: &str, path: &str) -> bool {
    rule(text).allows(&target("GET", "https", "example.com", 443, path))
}

fn permits(text: &str, address: &str) -> bool {
    rule(text).permits_address(address.parse().expect("an address"))
}

#[test]
fn a_rule_grants_its_methods_and_no_others() {
    let reads = rule("GET,HEAD https://example.com");
    assert!(reads.allows(&target("GET", "https", "example.com", 443, "/")));
    assert!(reads.allows(&target("HEAD", "https", "example.com", 443, "/")));
    for method in ["POST", "get", "DELETE", ""] {
        assert!(!reads.allows(&target(method, "https", "example.com", 443, "/")), "{method}");
    }
    let all = rule("https://example.com");
    assert!(all.allows(&target("PATCH", "https", "example.com", 443, "/")));
    assert!(all.allows(&target("PROPFIND", "https", "example.com", 443, "/")));
    for method in ["CONNECT", "TRACE", "connect"] {
        assert!(!all.allows(&target(method, "https", "example.com", 443, "/")), "{method}");
    }
}

#[test]
fn a_rule_grants_its_scheme_and_port_and_no_others() {
    let https = rule("https://example.com");
    assert!(!https.allows(&target("GET", "http", "example.com", 443, "/")));
    assert!(!https.allows(&target("GET", "https", "example.com", 8443, "/")));
    assert!(rule("http://example.com").allows(&target("GET", "http", "example.com", 80, "/")));
    assert!(rule("http://example.com:8080").allows(&target("GET", "http", "example.com", 8080, "/")));
    assert!(rule("http://example.com:*").allows(&target("GET", "http", "example.com", 1, "/")));
}

#[test]
fn an_exact_name_is_that_name_alone() {
    let exact = rule("https://Example.com");
    assert!(exact.allows(&get("example.com")));
    assert!(exact.allows(&get("EXAMPLE.com")));
    for host in ["www.example.com", "badexample.com", "example.com.evil.org", "example.com.", "example.co", ""] {
        assert!(!exact.allows(&get(host)), "{host}");
    }
}

#[test]
fn a_wildcard_is_what_lies_below_the_name() {
    let below = rule("https://*.example.com");
    assert!(below.allows(&get("api.example.com")));
    assert!(below.allows(&get("a.b.example.com")));
    for host in ["example.com", ".example.com", "badexample.com", "example.com.evil.org", "1.2.3.4"] {
        assert!(!below.allows(&get(host)), "{host}");
    }
}

#[test]
fn any_host_is_any_name_or_address_but_no_odd_spelling_of_an_address() {
    let any = rule("https://*");
    for host in ["example.com", "localhost", "8.8.8.8", "[2001:4860:4860::8888]"] {
        assert!(any.allows(&get(host)), "{host}");
    }
    for host in ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.", "[fe80::1%eth0]", "::1", "a b", "a..b"]
    {
        assert!(!any.allows(&get(host)), "{host}");
    }
}

#[test]
fn an_address_is_granted_as_itself_alone() {
    assert!(rule("https://[::1]").allows(&get("[0:0::1]")));
    assert!(!rule("https://127.0.0.1").allows(&get("localhost")));
    assert!(!rule("https://127.0.0.1").allows(&get("[::ffff:127.0.0.1]")));
    assert!(permits("https://169.254.169.254", "169.254.169.254"));
    assert!(!permits("https://127.0.0.1", "127.0.0.2"));
    assert!(!permits("https://127.0.0.1", "8.8.8.8"));
}

#[test]
fn localhost_is_this_machine_and_nothing_else() {
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(permits("http://localhost", address), "{address}");
    }
    for address in ["10.0.0.1", "169.254.169.254", "8.8.8.8", "::", "0.0.0.0"] {
        assert!(!permits("http://LOCALHOST", address), "{address}");
    }
}

#[test]
fn a_private_name_may_lie_around_this_machine_but_neither_on_it_nor_at_a_metadata_service() {
    let text = "GET private:https://intranet.example.com";
    assert!(rule(text).allows(&get("intranet.example.com")));
    for address in ["10.1.2.3", "192.168.0.9", "100.64.0.1", "fd00::7", "8.8.8.8"] {
        assert!(permits(text, address), "{address}");
    }
    for address in ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0"] {
        assert!(!permits(text, address), "{address}");
    }
}

#[test]
fn a_path_is_a_prefix_of_whole_segments() {
    for (text, path, allowed) in [
        ("https://example.com/v1", "/v1", true),
        ("https://example.com/v1", "/v1/users", true),
        ("https://example.com/v1", "/v10", false),
        ("https://example.com/v1", "/", false),
        ("https://example.com/v1", "/V1", false),
        ("https://example.com/v1", "//v1", false),
        ("https://example.com/v1/", "/v1/", true),
        ("https://example.com/v1/", "/v1", false),
        ("https://example.com/", "/anything", true),
        ("https://example.com", "/anything", true),
    ] {
        assert_eq!(allows_path(text, path), allowed, "{text} {path}");
    }
}

#[test]
fn a_path_that_may_mean_another_is_within_no_prefix() {
    for path in [
        "/v1/../admin",
        "/v1/./x",
        "/v1/..",
        "/v1/%2e%2e/admin",
        "/v1/.%2E/admin",
        "/v1/a%2fb",
        "/v1/..%5cadmin",
        "/v1/..\\admin",
        "/v1/..;/admin",
        "/v1/..;x=1/admin",
        "/v1/%252e%252e/admin",
        "/v1/%25252F/admin",
        // Issue 12: all of these passed.
        "/v1/..%00/admin",
        "/v1/..%09/admin",
        "/v1/..%20/admin",
        "/v1/%20../admin",
        "/v1/..%3b/admin",
        "/v1/..%3Bx/admin",
        "/v1/..%253b/admin",
        "/v1/%c0%ae%c0%ae/admin",
        "/v1/%e0%80%ae./admin",
        "/v1/%uff0e%uff0e/admin",
        "/v1/%25u002e%25u002e/admin",
        "/v1/%ef%bc%8e%ef%bc%8e/admin",
        "/v1/%E2%80%A5/admin",
        "/v1/..%c0%af..%c0%afadmin",
        "/v1/%ef%bc%8fadmin",
        "/v1/.%e2%80%8b./admin",
        "/v1/..%3f/admin",
        "/v1/..%23/admin",
        "/v1/..+/admin",
        "/v1/..,/admin",
        "/v1/..%ad/admin",
        "/v1/%2",
        "/v1/%zz",
        "/v1/a%0d%0aHost:",
        "/v1/\u{ff0e}\u{ff0e}/admin",
        "/v1/..\t/admin",
        "/v1/a|b",
    ] {
        assert!(!allows_path("https://example.com/v1", path), "{path}");
        assert!(allows_path("https://example.com", path), "{path}: nothing to escape from");
    }
    for path in [
        "/v1/a.b",
        "/v1/...",
        "/v1/.well-known",
        "/v1/..x",
        "/v1/a%20b",
        "/v1/100%25",
        "/v1/a;b",
        "/v1/%252x",
        "/v1/%C3%BC/%E6%97%A5",
        "/v1/a:b@c,d=e+f!$&'()*~_-",
        "/v1//x",
    ] {
        assert!(allows_path("https://example.com/v1", path), "{path}");
    }
}

#[test]
fn a_rule_that_is_written_wrong_is_told_what_was_expected_and_found() {
    for (text, flaw) in [
        ("", "expected http:// or https:// before the host, found nothing"),
        ("example.com", "expected http:// or https:// before the host, found \"example.com\""),
        ("ftp://example.com", "expected the scheme http or https, found \"ftp\""),
        ("https://", "expected a host: a name, *.name, *, an IPv4 address or an [IPv6 address], found nothing"),
        ("https://*example.com", "expected *.name or *, found \"*example.com\""),
        ("https://*.0.0.1", "expected *.name or *, found \"*.0.0.1\""),
        ("https://a.*.com", "found \"a.*.com\""),
        ("https://::1", "or an [IPv6 address], found \"::1\""),
        ("https://[::1]x:80", "found \"[::1]x\""),
        ("https://[::1", "found \"[::1\""),
        ("https://127.1", "found \"127.1\""),
        ("https://bücher.example", "found \"bücher.example\""),
        ("https://example.com:0", "expected a port from 1 to 65535, or *, found \"0\""),
        ("https://example.com:+80", "found \"+80\""),
        ("https://example.com:", "expected a port from 1 to 65535, or *, found nothing"),
        ("https://me:secret@example.com", "expected a host without a user name or password"),
        ("https://example.com/a?b", "expected a path without a query or fragment"),
        ("https://example.com#b", "expected a path without a query or fragment"),
        ("https://example.com/v1/*", "expected a path without *, because it is a prefix as it is"),
        ("https://example.com/a/../b", "expected a path without . and .."),
        ("https://example.com/ü", "expected a path in the form in which it is sent"),
        ("get https://example.com", "expected methods in capitals, such as GET,HEAD"),
        ("GET, HEAD https://example.com", "expected methods in capitals, such as GET,HEAD, and one space after them"),
        ("CONNECT https://example.com", "expected methods other than CONNECT and TRACE"),
        ("private:https://*.example.com", "expected the exact name of a host after \"private:\""),
        ("private:https://*", "wildcards are never private"),
        ("private:https://10.0.0.1", "an address or localhost does not need it"),
        ("private:https://localhost", "an address or localhost does not need it"),
    ] {
        let said = HttpRule::parse(text).expect_err(text);
        assert!(said.starts_with("expected ") && said.contains(flaw), "{text}: {said}");
    }
}

/// Networks that are not globally reachable, from IANA's registries; the ranges are not those of the code.
const NOT_GLOBAL: [&str; 29] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:10.0.0.0/104",
    "::ffff:127.0.0.0/104",
    "64:ff9b::a00:0/104",
    "64:ff9b::7f00:0/104",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

fn not_global() -> impl Strategy<Value = IpAddr> {
    (prop::sample::select(&NOT_GLOBAL[..]), any::<u128>()).prop_map(|(net, random)| {
        match net.parse::<IpNet>().expect(net) {
            IpNet::V4(net) => {
                let host = u32::try_from(random >> 96).expect("32 bits") & u32::from(net.hostmask());
                IpAddr::V4(Ipv4Addr::from(u32::from(net.network()) | host))
            }
            IpNet::V6(net) => {
                IpAddr::V6(Ipv6Addr::from(u128::from(net.network()) | random & u128::from(net.hostmask())))
            }
        }
    })
}

fn public_host() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), "(\\*\\.)?[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5}){1,2}"]
}

fn any_host() -> impl Strategy<Value = String> {
    prop_oneof![
        public_host(),
        Just("localhost".to_owned()),
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ]
}

fn written(host: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    ("(GET |GET,HEAD |PROPFIND )?https?", host, "(:[1-9][0-9]{0,3}|:\\*)?", "(/[a-z0-9]{1,4}){0,3}/?")
        .prop_map(|(front, host, port, path)| format!("{front}://{host}{port}{path}"))
}

/// A dot, a slash or something beside them, in one of the spellings that somebody reads as that, encoded up to twice.
fn piece() -> impl Strategy<Value = String> {
    let spelled = prop::sample::select(vec![
        ".",
        "..",
        "/",
        "a",
        ";",
        "%00",
        "%09",
        "%20",
        " ",
        "+",
        "%3b",
        "%23",
        "%3f",
        "%2e",
        "%2F",
        "%5c",
        "\\",
        "%c0%ae",
        "%e0%80%ae",
        "%c0%af",
        "%ef%bc%8e",
        "%ef%bc%8f",
        "%u002e",
        "%uff0e",
        "%e2%80%8b",
        "%ad",
        "%E2%80%A5",
        "\u{ff0e}",
        "%",
        "25",
        "%25",
        "2e",
        "%e2%80%8d",
        "%1f",
    ]);
    (spelled, 0_usize..3)
        .prop_map(|(spelled, times)| (0..times).fold(spelled.to_owned(), |text, _| text.replace('%', "%25")))
}

/// Decodes `times` times, `%uXXXX` and overlong forms too; takes what looks like a dot or a slash for one; drops
/// blanks, control characters and whatever cannot be seen; cuts names at `;`, `?`, `#` and `,`.
fn as_a_lax_server_reads(path: &[u8], times: usize) -> String {
    let hex = |digits: Option<&[u8]>| {
        digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
    };
    let mut read: Vec<char> = String::from_utf8_lossy(path).chars().collect();
    for _ in 0..times {
        let (text, mut bytes, mut at) = (read.iter().collect::<String>(), Vec::new(), 0);
        let old = text.as_bytes();
        while at < old.len() {
            let wide =
                (old[at] == b'%' && old.get(at + 1) == Some(&b'u')).then(|| hex(old.get(at + 2..at + 6))).flatten();
            let byte = if old[at] == b'%' { hex(old.get(at + 1..at + 3)) } else { None };
            match (wide.and_then(char::from_u32), byte) {
                (Some(c), _) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                (None, Some(byte)) => bytes.push(byte as u8),
                (None, None) => bytes.push(old[at]),
            }
            at += if wide.is_some() {
                6
            } else if byte.is_some() {
                3
            } else {
                1
            };
        }
        for (overlong, meant) in [(&b"\xc0\xae"[..], "."), (b"\xe0\x80\xae", "."), (b"\xc0\xaf", "/")] {
            while let Some(place) = bytes.windows(overlong.len()).position(|found| found == overlong) {
                bytes.splice(place..place + overlong.len(), meant.bytes());
            }
        }
        read = String::from_utf8_lossy(&bytes).chars().collect();
    }
    let meant = read.into_iter().map(|c| match c {
        '\u{ff0e}' => ".".to_owned(),
        '\u{2025}' => "..".to_owned(),
        '\u{ff0f}' | '\\' => "/".to_owned(),
        '+' | '\u{200b}' | '\u{200d}' | '\u{fffd}' | '\u{ad}' => String::new(),
        c if c.is_control() || c.is_whitespace() => String::new(),
        c => c.to_string(),
    });
    let meant: String = meant.collect();
    let cut = |name: &str| name.split([';', '?', '#', ',']).next().unwrap_or_default().to_owned();
    meant.split('/').map(cut).collect::<Vec<_>>().join("/")
}

proptest! {
    #[test]
    fn a_rule_is_shown_as_it_was_written(text in written(any_host())) {
        let parsed = rule(&text);
        prop_assert_eq!(parsed.to_string(), text);
        prop_assert_eq!(rule(&parsed.to_string()), parsed);
    }

    #[test]
    fn no_rule_but_one_that_names_it_permits_an_address_that_is_not_global(
        text in written(public_host()),
        address in not_global(),
    ) {
        prop_assert!(!rule(&text).permits_address(address), "{} permits {}", text, address);
    }

    #[test]
    fn what_the_standard_library_knows_to_be_local_is_not_global(bits in any::<u32>()) {
        let address = Ipv4Addr::from(bits);
        let local = address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_documentation()
            || address.is_unspecified()
            || address.is_broadcast();
        prop_assert!(!local || !rule("http://*").permits_address(IpAddr::V4(address)));
        prop_assert!(!local || !rule("http://*").permits_address(IpAddr::V6(address.to_ipv6_mapped())));
        prop_assert!(!rule("http://*").permits_address(IpAddr::V6(address.to_ipv6_compatible())));
    }

    #[test]
    fn any_text_is_a_rule_or_a_flaw(text in "\\PC{0,40}") {
        if let Ok(parsed) = HttpRule::parse(&text) {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }

    /// Whatever a server makes of a path that is allowed, it stays below the prefix.
    #[test]
    fn no_server_reads_an_allowed_path_as_one_outside_of_its_prefix(pieces in prop::collection::vec(piece(), 0..8)) {
        let path = format!("/v1/{}", pieces.concat());
        if allows_path("https://example.com/v1", &path) {
            for times in 0..5 {
                let read = as_a_lax_server_reads(path.as_bytes(), times);
                prop_assert!(!read.split('/').any(|name| name == ".." || name == "."), "{} is {} to somebody", path, read);
            }
        }
    }

    #[test]
    fn nothing_behind_a_granted_prefix_leads_out_of_it(rest in "[./%25eEfFcC;\\\\a]{0,12}") {
        let path = format!("/v1/{rest}");
        if allows_path("https://example.com/v1", &path) {
            let mut read = path.clone();
            for _ in 0..4 {
                read = read.replace("%25", "%").replace("%2e", ".").replace("%2E", ".");
                read = read.replace("%2f", "/").replace("%2F", "/").replace("%5c", "\\").replace("%5C", "\\");
            }
            prop_assert!(!read.replace('\\', "/").split('/').any(|part| part == ".." || part.starts_with("..;")), "{}", path);
        }
    }
}
