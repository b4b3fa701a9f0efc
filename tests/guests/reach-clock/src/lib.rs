//! A guest that can be told to look at the clock, and to sleep: see the verbs in `reach`.

reach::guest!(itself, clock);
