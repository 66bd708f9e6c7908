"""AWS::WAFv2::WebACLAssociation: which web ACL stands before which stage. Kept and shown; nothing is filtered here."""

from typing import Final

from local.cloud.cloudformation.handler import Handlers, Made, Properties, checked, handlers

TYPE: Final = "AWS::WAFv2::WebACLAssociation"


def register(types: dict[str, Handlers]) -> None:
    """Add this type."""
    types[TYPE] = handlers(create=_create, update=_update, delete=_delete)


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> Made:
    from ministack.services import waf

    checked(TYPE, waf._associate_web_acl(properties))
    return f"{properties['WebACLArn']}|{properties['ResourceArn']}|REGIONAL", {}


def _update(_physical_id: str, _old: Properties, new: Properties, stack_name: str) -> Made:
    return _create("", new, stack_name)


def _delete(_physical_id: str, properties: Properties) -> None:
    from ministack.services import waf

    # After a replacement the stage may already stand behind another web ACL, which must stay.
    if waf._associations.get(properties["ResourceArn"]) == properties["WebACLArn"]:
        checked(TYPE, waf._disassociate_web_acl(properties))
