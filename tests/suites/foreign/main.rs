//! Clients that nobody here wrote: the tour of the README as it stands there, through buf, and
//! Python's grpcio. `.ci/run` installs them; where they are missing these tests fail, not skip.

mod python;
mod tour;
