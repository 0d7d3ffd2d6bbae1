use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::TriggerTypeFilter;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Configured, Resource, calls, masked};

impl Resource for pb::TriggerType {
    const NAME: &'static str = "trigger type";
    const COMMAND: &'static str = "trigger-type";

    type Filter = TriggerTypeFilter;

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self> {
        let request = pb::ListTriggerTypesRequest {
            section: filter.section.clone(),
            entity_kind: filter.kind.clone(),
            query: filter.query.clone(),
            page_size: page.size,
            page_token: page.token,
        };
        let page = clients.triggers.list_trigger_types(request).await?.into_inner();
        Ok((page.trigger_types, page.next_page_token))
    }

    calls! {
        triggers, trigger_type by code:
        get_trigger_type(GetTriggerTypeRequest),
        create_trigger_type(CreateTriggerTypeRequest),
        update_trigger_type(UpdateTriggerTypeRequest),
        delete_trigger_type(DeleteTriggerTypeRequest)
    }
}

impl Configured for pb::TriggerType {
    fn update_mask(&self) -> FieldMask {
        let mut paths = vec!["section", "title", "description", "entity_kinds"];
        // These never change, so that there is nothing to reset: present they are a claim that is
        // checked, absent they stand for whatever is there.
        if !self.event_type.is_empty() {
            paths.push("event_type");
        }
        if !self.parameters.is_empty() {
            paths.push("parameters");
        }
        masked(&paths)
    }
}
