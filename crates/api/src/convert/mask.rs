use pawl_domain::Rejection;
use prost_types::FieldMask;

/// What an update's mask may name, for one kind of resource.
#[derive(Debug)]
pub(super) struct Updatable {
    /// Under which name the request holds it, such as `pipeline`.
    pub(super) resource: &'static str,
    /// The field that tells which one to update.
    pub(super) key: &'static str,
    /// Fields that an update changes.
    pub(super) changeable: &'static [&'static str],
    /// Fields that never change: naming them only claims what they are.
    pub(super) claimable: &'static [&'static str],
    /// Fields that the server sets.
    pub(super) output: &'static [&'static str],
}

/// Which fields an update is about.
#[derive(Debug)]
pub(super) struct Mask {
    /// `None`: every field that is populated.
    paths: Option<Vec<String>>,
}

impl Updatable {
    /// Checks a mask; no mask and an empty one are the same.
    pub(super) fn mask(&self, mask: Option<FieldMask>) -> Result<Mask, Rejection> {
        let paths = mask.unwrap_or_default().paths;
        paths.iter().try_for_each(|path| self.check(path))?;
        Ok(Mask { paths: (!paths.is_empty()).then_some(paths) })
    }

    fn check(&self, path: &str) -> Result<(), Rejection> {
        let immutable =
            |remedy| Rejection::Immutable { field: format!("{}.{path}", self.resource), remedy };
        if self.changeable.contains(&path) || self.claimable.contains(&path) {
            Ok(())
        } else if path == self.key {
            Err(immutable("it tells which one to update; leave it out of update_mask"))
        } else if self.output.contains(&path) {
            Err(immutable("the server sets it; leave it out of update_mask"))
        } else {
            let allowed = self.changeable.join(", ");
            Err(Rejection::invalid(
                "update_mask",
                format!("{path:?} is no field that an update changes; name some of {allowed}"),
            ))
        }
    }
}

impl Mask {
    /// The new value of a field, parsed, if the update is about it.
    pub(super) fn change<V, T>(
        &self,
        field: &str,
        value: V,
        parse: impl FnOnce(&str, V) -> Result<T, Rejection>,
    ) -> Result<Option<T>, Rejection>
    where
        V: Default + PartialEq,
    {
        let named = match &self.paths {
            Some(paths) => paths.iter().any(|path| path == field),
            None => value != V::default(),
        };
        named.then(|| parse(field, value)).transpose()
    }
}
