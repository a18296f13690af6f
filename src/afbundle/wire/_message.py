"""What all messages have in common, and the classes made from the message table on first use.

A message is a body (the map that travels) and its class's row of the table; an attribute is looked up in the body
when it is asked for, so that reading a large message costs what is used of it. Nested structs are wrapped then, too.

How values travel, observed in task-sdk 1.3.2 and 1.4.0b2 in both directions: dates as MessagePack timestamps, durations
as ISO 8601 text, UUIDs, paths and enums as text, tuples as arrays. ``root`` of the XCom sequence results is a field like
any other. The supervisor sends null for whatever it has not got, also where the schema does not allow it.
"""

from __future__ import annotations

from afbundle.wire._kinds import Kinds, Mismatch
from afbundle.wire.errors import InvalidMessage, LocalProtocolError
from afbundle.wire.msgpack import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from afbundle.wire._kinds import Kind

__all__ = ["Field", "Message", "Schema"]

# Fields that may hold a secret, or more than anyone wants to read in a repr. By name, whatever the message: a
# connection's password is as secret inside StartupDetails as it is in ConnectionResult.
_HIDDEN = frozenset(
    (
        *("conf", "data", "extra", "next_kwargs", "params", "params_input", "password", "rendered_fields"),
        *("root", "source_code", "token", "trigger_kwargs", "value"),
    )
)


class Field:
    """One field of a message.

    Attributes:
        name: as on the wire.
        annotation: its type in Python's notation, None left out.
        nullable: whether null is a value of its own.
        required: whether a body without it is invalid.
        default: what an absent one reads as; None where the schema has no default.
        since: the first schema version that has it.
    """

    __slots__ = ("annotation", "default", "kind", "name", "nullable", "required", "since")

    def __init__(self, row: tuple[Any, ...], since: str, schema: Schema) -> None:
        self.name: str = row[0]
        bare = row[1].removesuffix(" | None")
        self.annotation: str = bare
        self.nullable: bool = bare != row[1] or bare in ("JsonValue", "Any")
        self.required: bool = len(row) == 2
        self.default: Any = None if self.required or row[2] is ... else row[2]
        self.since: str = schema.versions[row[3]] if len(row) > 3 else since
        self.kind: Kind = schema.kinds(bare)

    def absent(self) -> Any:
        """Return what stands for an absent value, or for a null that the schema does not allow."""
        if self.default is None and not self.nullable and self.kind.empty is not None:
            return self.kind.empty()
        return self.default

    def __repr__(self) -> str:
        return f"Field({self.name}: {self.annotation}, required={self.required}, since={self.since})"


class _Fields:
    """The class attribute ``__fields__``: all fields of a message by name."""

    def __get__(self, message: Message | None, cls: type[Message]) -> dict[str, Field]:
        return {name: cls._field(name) for name in cls._rows}


class Message:
    """Base of all messages and of the structs inside them.

    Messages are made with keywords or by `from_body`, cannot be changed, and are equal when their classes and bodies
    are. Attributes of the wrong type, of a body that was received, raise `InvalidMessage` when they are read.

    Raises:
        TypeError: a field is unknown, or a required one is missing.
        LocalProtocolError: a value is not of its field's type. This is as strict as the supervisor, since that
            logs and drops a request it cannot validate and leaves the sender waiting (observed in 3.3.2 and 3.4.0b2).
    """

    __slots__ = ("_body",)

    __fields__: ClassVar[Any] = _Fields()
    __since__: ClassVar[str]
    _schema: ClassVar[Schema]
    _rows: ClassVar[dict[str, tuple[Any, ...]]] = {}
    _required: ClassVar[tuple[str, ...]] = ()
    # The fields that were asked for: a task uses few of all there are.
    _fields: ClassVar[dict[str, Field]]
    # Fields with one possible value, and those of them that a new message gets by itself.
    _constants: ClassVar[dict[str, str]] = {}
    _implied: ClassVar[dict[str, str]] = {}
    _body: dict[str, Any]

    def __init__(self, **values: Any) -> None:
        body: dict[str, Any] = dict(self._implied)
        for name, value in values.items():
            if name not in self._rows:
                raise TypeError(
                    f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._rows)}"
                )
            field = self._field(name)
            if value is not None:
                try:
                    body[name] = field.kind.dump(value)
                except Mismatch as found:
                    raise self._unfit(name, found) from None
            elif field.nullable:
                body[name] = None
            elif field.required or field.default is not None:
                raise self._unfit(name, Mismatch(field.annotation, "None"))
        missing = [name for name in self._required if name not in body]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")
        _set_body(self, body)

    @classmethod
    def _wrap(cls, body: dict[str, Any]) -> Message:
        message = cls.__new__(cls)
        _set_body(message, body)
        return message

    @classmethod
    def _field(cls, name: str) -> Field:
        field = cls._fields.get(name)
        if field is None:
            field = cls._fields[name] = Field(cls._rows[name], cls.__since__, cls._schema)
        return field

    def _unfit(self, name: str, found: Mismatch) -> LocalProtocolError:
        place = f"{type(self).__name__}.{name}{found.path:.200}"
        return LocalProtocolError(f"{place} must be {found.expected}, not {found.given}")

    def to_body(self) -> dict[str, Any]:
        """Return the map that travels: ``type`` and the fields that were set, None included. The caller owns it."""
        return dict(settle(self._body))

    def __getattr__(self, name: str) -> Any:
        # Only called for names that are no attributes of the class, so for all fields.
        if name not in self._rows:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        field = self._field(name)
        value = self._body.get(name)
        if value is None:
            if field.nullable and name in self._body:
                return None
            if field.required:
                state = "null" if name in self._body else "missing"
                raise InvalidMessage(f"{type(self).__name__}.{name} is {state}, but required")
            value = field.absent()
            if value is None:
                return None
        try:
            return field.kind.load(value)
        except Mismatch as found:
            place = f"{type(self).__name__}.{name}{found.path:.200}"
            raise InvalidMessage(f"{place} must be {found.expected}, not {found.given}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        # As they travelled, and as their author gave them, the same moments are different objects.
        return bool(settle(self._body) == settle(other._body))

    __hash__ = None  # type: ignore[assignment]  # bodies are dicts

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), settle(self._body))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._rows]

    def __repr__(self) -> str:
        shown = [
            f"{name}={self._shown(name)}" for name in self._rows if name in self._body and name != "type"
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        if name in _HIDDEN and self._body[name] is not None:
            return "…"
        try:
            return repr(getattr(self, name))
        except InvalidMessage:
            return "<invalid>"


_set_body = Message.__dict__["_body"].__set__


def _rebuild(cls: type[Message], body: dict[str, Any]) -> Message:
    return cls._wrap(body)


class Schema:
    """The message table as classes.

    Arguments:
        module: the name of the module that shows the classes.
        versions: the schema versions, oldest first.
        structs: name → (index of its first version, row of each field). A row is a field's name and annotation; its
            default (``...`` for none) if it is not required; the index of its first version if that is later.
        enums: name → its values.
        unions: name → the names of its structs.
        aliases: names that only a type checker can make something of.
    """

    def __init__(
        self,
        module: str,
        *,
        versions: tuple[str, ...],
        structs: dict[str, tuple[int, tuple[tuple[Any, ...], ...]]],
        enums: dict[str, tuple[str, ...]],
        unions: dict[str, tuple[str, ...]],
        aliases: tuple[str, ...],
    ) -> None:
        self.module = module
        self.versions = versions
        self.kinds = Kinds(enums, self.struct)
        self._enums = enums
        self._structs = structs
        self._unions = unions
        self._aliases = aliases
        self._made: dict[str, type[Message]] = {}

    def __call__(self, name: str) -> Any:
        """Return a struct's class, or a union or enum as a type; serves as a module's ``__getattr__`` (PEP 562).

        Raises:
            AttributeError: the schema has nothing of that name.
        """
        if name in self._structs:
            return self.struct(name)
        if name in self._unions:
            first, *others = map(self.struct, self._unions[name])
            union: Any = first
            for other in others:
                union |= other
            return union
        if name in self._enums:
            from typing import Literal

            return Literal[self._enums[name]]
        if name in self._aliases:
            from typing import Any

            return Any
        raise AttributeError(f"module {self.module!r} has no attribute {name!r}")

    def struct(self, name: str) -> type[Message]:
        """Return the class of a struct of the table."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def _make(self, name: str) -> type[Message]:
        first, rows = self._structs[name]
        required = tuple(row[0] for row in rows if len(row) == 2)
        constants = {
            row[0]: row[1][len("Literal['") : -len("']")]
            for row in rows
            if row[1][:8] == "Literal[" and "," not in row[1]
        }
        return type(
            name,
            (Message,),
            {
                "__slots__": (),
                "__module__": self.module,
                "__since__": self.versions[first],
                "_schema": self,
                "_rows": {row[0]: row for row in rows},
                "_required": required,
                "_fields": {},
                "_constants": constants,
                # A required constant tells the members of a union apart, as ``type`` tells messages apart.
                "_implied": {key: constants[key] for key in constants if key == "type" or key in required},
            },
        )

    def from_body(self, body: object) -> Message:
        """Return the message that a frame's body holds. Fields that the schema does not know are kept and ignored.

        Raises:
            InvalidMessage: the body is no map, its ``type`` names no message, or a required field is missing.
        """
        if not isinstance(body, dict):
            raise InvalidMessage(f"a message is a map, not {type(body).__qualname__}")
        name = body.get("type")
        if not isinstance(name, str) or name not in self._structs:
            raise InvalidMessage(f"no message has the type {name!r:.100}")
        cls = self.struct(name)
        if cls._constants.get("type") != name:
            raise InvalidMessage(f"{name} is part of messages, but no message itself")
        missing = [key for key in cls._required if key not in body]
        if missing:
            raise InvalidMessage(f"{name} lacks {', '.join(missing)}, which the schema requires")
        return cls._wrap(body)
