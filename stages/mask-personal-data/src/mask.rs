//! What is masked in a text, and how.

use memchr::{memchr, memchr_iter, memchr3};

/// What stands for something that was masked as a whole.
const MASKED: &[u8] = b"***";

/// What is masked in texts that are no addresses.
pub(crate) struct TextMask {
    /// Parameters whose values are secret, compared without regard to case.
    pub(crate) tokens: Vec<String>,
    /// From which length a text may be a token, bytes.
    pub(crate) token_length: usize,
}

impl TextMask {
    /// Appends the text with its e-mail addresses and tokens masked.
    pub(crate) fn mask(&self, text: &str, buffer: &mut Vec<u8>) {
        let mut rest = text.as_bytes();
        if rest.len() < self.token_length && memchr3(b'@', b'%', b'=', rest).is_none() {
            return buffer.extend_from_slice(rest);
        }
        let (mut name, mut before) = (&b""[..], 0);
        loop {
            let end = rest.iter().position(|byte| is_delimiter(*byte)).unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            let is_secret = (before == b'=' && self.is_token_name(name)) || self.is_secret(part);
            buffer.extend_from_slice(if is_secret && !part.is_empty() { MASKED } else { part });
            let Some((&delimiter, after)) = behind.split_first() else { return };
            buffer.push(delimiter);
            (name, before, rest) = (part, delimiter, after);
        }
    }

    fn is_token_name(&self, name: &[u8]) -> bool {
        self.tokens.iter().any(|token| token.as_bytes().eq_ignore_ascii_case(name))
    }

    fn is_secret(&self, part: &[u8]) -> bool {
        is_email(part) || (part.len() >= self.token_length && (looks_random(part) || is_web_token(part)))
    }
}

/// Appends the address with only its first parts kept, or a mask when it is no address.
pub(crate) fn mask_ip(text: &str, keep: usize, buffer: &mut Vec<u8>) {
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        for (index, part) in text.split('.').enumerate() {
            let separator = if index == 0 { "" } else { "." };
            buffer.extend_from_slice(separator.as_bytes());
            buffer.extend_from_slice(if index < keep { part.as_bytes() } else { b"0" });
        }
    } else if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
        let mut segments = address.segments();
        segments.iter_mut().skip(keep).for_each(|segment| *segment = 0);
        buffer.extend_from_slice(std::net::Ipv6Addr::from(segments).to_string().as_bytes());
    } else {
        buffer.extend_from_slice(MASKED);
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'&' | b'=' | b'#' | b';' | b',' | b' ' | b'\t' | b'\r' | b'\n')
}

/// Something before an `@`, and a domain with a dot behind it.
fn is_email(part: &[u8]) -> bool {
    let encoded = |at: &usize| part.get(*at..).is_some_and(|rest| rest.starts_with(b"%40"));
    let (at, behind) = match memchr(b'@', part) {
        Some(at) => (at, at + 1),
        None => match memchr_iter(b'%', part).find(encoded) {
            Some(at) => (at, at + 3),
            None => return false,
        },
    };
    let domain = part.get(behind..).unwrap_or_default();
    at > 0 && memchr(b'.', domain).is_some_and(|dot| dot > 0)
}

/// Hexadecimal digits (with dashes, as in a UUID), or letters of both cases mixed with digits: what no word and no title
/// in a path looks like.
fn looks_random(part: &[u8]) -> bool {
    if !part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return false;
    }
    let any = |is: fn(&u8) -> bool| part.iter().any(is);
    let hex = part.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    any(u8::is_ascii_digit) && (hex || (any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase)))
}

/// A JSON web token begins with `{"` in base 64.
fn is_web_token(part: &[u8]) -> bool {
    part.starts_with(b"eyJ") && part.contains(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mask = TextMask { tokens: vec!["token".into()], token_length: 20 };
        let mut buffer = Vec::new();
        mask.mask(text, &mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    fn masked_ip(text: &str, keep: usize) -> String {
        let mut buffer = Vec::new();
        mask_ip(text, keep, &mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn emails_and_tokens_are_masked_wherever_they_stand() {
        for (text, expected) in [
            ("/users/ada@example.com/edit", "/users/***/edit"),
            ("/login?email=ada%2Bx%40example.com&next=/", "/login?email=***&next=/"),
            ("/a%20b@example.com", "/***"),
            ("/x?Token=short&page=2", "/x?Token=***&page=2"),
            ("/reset/4f3c2a99d0e84b7c9a11", "/reset/***"),
            ("/order/123e4567-e89b-12d3-a456-426614174000", "/order/***"),
            ("/s/aB3dE5gH7jK9mN1pQ3sT", "/s/***"),
            ("/s/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "/s/***"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn what_is_not_personal_stays() {
        for text in [
            "",
            "/",
            "/blog/10-tips-for-better-pipelines",
            "/assets/jquery-3.6.0.bundle.min.js",
            "/@scope/package",
            "/search?q=caf%C3%A9&token=",
            "/docs/internationalisation",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn addresses_keep_their_first_parts() {
        assert_eq!(masked_ip("203.0.113.7", 2), "203.0.0.0");
        assert_eq!(masked_ip("203.0.113.7", 0), "0.0.0.0");
        assert_eq!(masked_ip("2001:db8:1:2::5", 2), "2001:db8::");
        assert_eq!(masked_ip("host-of-ada.example.com", 2), "***");
    }
}
