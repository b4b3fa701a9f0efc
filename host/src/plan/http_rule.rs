//! One line of an `http` grant: which requests may be sent, and where to.

use std::fmt;

/// Requests that a stage may send: methods, scheme, host, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    written: String,
}

impl HttpRule {
    /// Reads a rule, such as `https://api.example.com`.
    ///
    /// # Errors
    /// When the text is no rule: what is wrong with it, in words that follow the name of what holds it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let origin = text.rsplit(' ').next().unwrap_or_default();
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        match host {
            Some(host) if !host.is_empty() => Ok(Self { written: text.to_owned() }),
            _ => Err(format!("expected an origin such as \"https://api.example.com\", found {text:?}")),
        }
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
