use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::TriggerFilter;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Configured, Planned, Resource, calls, masked};

impl Resource for pb::Trigger {
    const NAME: &'static str = "trigger";
    const COMMAND: &'static str = "trigger";

    type Filter = TriggerFilter;

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self> {
        let request = pb::ListTriggersRequest {
            pipeline_id: filter.pipeline.clone(),
            stage_id: filter.stage.clone(),
            trigger_type: filter.trigger_type.clone(),
            state: filter.state.map_or(0, Into::into),
            page_size: page.size,
            page_token: page.token,
        };
        let page = clients.triggers.list_triggers(request).await?.into_inner();
        Ok((page.triggers, page.next_page_token))
    }

    calls! {
        triggers, trigger by trigger_id:
        get_trigger(GetTriggerRequest, revision: 0),
        create_trigger(CreateTriggerRequest),
        update_trigger(UpdateTriggerRequest),
        delete_trigger(DeleteTriggerRequest)
    }
}

impl Configured for pb::Trigger {
    fn update_mask(&self) -> FieldMask {
        // Without a display name it gets the sentence that only the server can make.
        masked(&[
            "pipeline_id",
            "stage_id",
            "display_name",
            "trigger_type",
            "parameters",
            "filter",
            "allow_move_back",
            "allow_reopen",
            "state",
        ])
    }

    fn waits_for(&self, reason: &str, planned: &Planned) -> Option<&'static str> {
        let stages = planned.pipelines.get(&self.pipeline_id);
        let has_stage = stages.is_some_and(|stages| stages.contains(&self.stage_id));
        let has_type = planned.trigger_types.contains(&self.trigger_type);
        match reason {
            "PIPELINE_NOT_FOUND" if stages.is_some() => Some("its pipeline would be created first"),
            "STAGE_NOT_FOUND" if has_stage => Some("its stage would be added first"),
            "TRIGGER_TYPE_NOT_FOUND" if has_type => Some("its trigger type would be created first"),
            "KIND_MISMATCH" if has_type => Some("its trigger type would be changed first"),
            _ => None,
        }
    }
}
