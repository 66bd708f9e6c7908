"""AWS::Athena::WorkGroup, in our own Athena."""

import time
from typing import Final

from local.cloud import emulator
from local.cloud.athena import service as athena
from local.cloud.athena.workgroups import ENGINE, WorkGroup
from local.cloud.cloudformation.handler import Handlers, Made, Properties, ResourceError, handlers, tags_of

TYPE: Final = "AWS::Athena::WorkGroup"


def register(types: dict[str, Handlers]) -> None:
    """Take this type over."""
    types[TYPE] = handlers(create=_create, update=_update, delete=_delete)


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> Made:
    group = _workgroup(properties)
    athena.get().workgroups.create(emulator.scope(), group)
    return group.name, {"CreationTime": str(group.created)}


def _update(name: str, _old: Properties, new: Properties, stack_name: str) -> Made:
    if new["Name"] != name:
        return _create("", new, stack_name)
    athena.get().workgroups.update(emulator.scope(), _workgroup(new))
    return name, {}


def _delete(name: str, _properties: Properties) -> None:
    athena.get().workgroups.delete(emulator.scope(), name)


def _workgroup(properties: Properties) -> WorkGroup:
    configuration = properties.get("WorkGroupConfiguration") or {}
    results = configuration.get("ResultConfiguration") or {}
    engine = (configuration.get("EngineVersion") or {}).get("SelectedEngineVersion", ENGINE)
    if engine != ENGINE or str(configuration.get("PublishCloudWatchMetricsEnabled", "true")).lower() != "false":
        raise ResourceError(f"{TYPE}: the local cloud has {ENGINE} only, and sends no metrics of it")
    limit = configuration.get("BytesScannedCutoffPerQuery")
    return WorkGroup(
        name=properties["Name"],
        description=properties.get("Description", ""),
        state=properties.get("State", "ENABLED"),
        output_location=results.get("OutputLocation"),
        encryption=(results.get("EncryptionConfiguration") or {}).get("EncryptionOption"),
        enforced=str(configuration.get("EnforceWorkGroupConfiguration", "true")).lower() == "true",
        bytes_limit=None if limit is None else int(limit),
        created=time.time(),
        tags=tags_of(properties),
    )
