//! A guest that can be told to misbehave by itself: see the verbs in `reach`.

reach::guest!(itself);
