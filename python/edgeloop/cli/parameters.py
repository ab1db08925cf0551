"""From the declared options of a spec to the parameters of a command, and back to the spec."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Optional, Union, get_args, get_origin, get_type_hints

import typer

from edgeloop.cli.completion import of_option
from edgeloop.spec.option import Option, default_of, options_of

REQUIRED = inspect.Parameter.empty
"""As a default: the command asks for this option."""

Command = Callable[..., None]


def takes(
    spec: type,
    *names: str,
    as_parameter: str = "spec",
    arguments: Mapping[str, str] = {},  # never changed
    defaults: Mapping[str, Any] = {},
    flags: Mapping[str, tuple[str, ...]] = {},
    once: Collection[str] = (),
    shown: Collection[str] = (),
) -> Callable[[Command], Command]:
    """Give a command the options of a spec in place of its parameter `as_parameter`.

    `names`: fields, sections that stand for all their fields, and "-field" to leave one out.
    `arguments`: field → help of an option that is a positional argument here. `defaults` and
    `flags` are those of this command, where they differ from the spec's; `once`: fields that may be
    given one value only; `shown`: those that --help lists here, though elsewhere only --help-all
    does.
    """
    chosen = _chosen(spec, names)

    def decorate(command: Command) -> Command:
        hints = get_type_hints(spec)
        own = {one.name: one for one in fields(spec)}
        parameters = [
            _positional(name, said, arguments.get(name, said.help))
            if name in arguments or not said.flags
            else _parameter(
                name,
                replace(
                    said, flags=flags.get(name, said.flags), more=said.more and name not in shown
                ),
                hints[name],
                defaults[name] if name in defaults else default_of(own[name]),
                once=name in once,
            )
            for name, said in chosen.items()
        ]
        blank = {name: "" for name, said in options_of(spec).items() if not said.flags}
        short = {name: _shorthands(said) for name, said in chosen.items() if said.shorthands}

        def run(**given: Any) -> None:
            values = {
                name: _value(said, given.pop(name), [given.pop(key) for key in short.get(name, ())])
                for name, said in chosen.items()
            }
            known = {name: value for name, value in values.items() if value is not None}
            command(**{as_parameter: spec(**{**blank, **known})}, **given)

        extra = [one for each in short.values() for one in each.values()]
        return _signed(run, command, as_parameter, [*parameters, *extra])

    return decorate


def _chosen(spec: type, names: Collection[str]) -> dict[str, Option]:
    said = options_of(spec)
    unknown = {name.lstrip("-") for name in names} - set(said)
    unknown -= {one.section for one in said.values()}
    assert not unknown, f"{spec.__name__} declares no {', '.join(sorted(unknown))}"
    return {
        name: one
        for name, one in said.items()
        if (name in names or one.section in names) and f"-{name}" not in names
    }


def _positional(name: str, said: Option, help_text: str) -> inspect.Parameter:
    metavar = name.upper() if said.flags else said.metavar
    info = typer.Argument(metavar=metavar, help=help_text, show_default=False)
    return _made(name, str, info, REQUIRED)


def _parameter(
    name: str, said: Option, hint: Any, default: Any, *, once: bool
) -> inspect.Parameter:
    several = (said.repeat or said.parse_pair is not None) and not once
    kind: Any = Optional[list[str]] if several else _kind(hint)
    shown: Any = default not in (None, False, REQUIRED)
    if several or said.commas or said.parse is not None:
        kind, default, shown = kind if several else Optional[str], None, said.shown_default or False
    info = typer.Option(
        *said.flags,
        metavar=_metavar(name, said, kind),
        help=said.help + (" Repeatable." if several else ""),
        show_default=shown,
        rich_help_panel=said.section,
        hidden=said.more,
        autocompletion=of_option(name, said),
    )
    return _made(name, kind, info, default)


def _metavar(name: str, said: Option, kind: Any) -> Optional[str]:
    """Return what stands for the value in --help; nothing for a flag."""
    if said.metavar is not None or kind is bool:
        return said.metavar
    if said.choices:
        return "|".join(said.choices)
    return "N" if int in (kind, *get_args(kind)) else name.upper()


def _shorthands(said: Option) -> dict[str, inspect.Parameter]:
    made = {}
    for one in said.shorthands:
        name = one.flag.lstrip("-").replace("-", "_")
        info = typer.Option(
            one.flag,
            metavar=one.metavar,
            help=one.help,
            show_default=False,
            rich_help_panel=said.section,
            hidden=True,
        )
        plain = one.metavar is None
        made[name] = _made(name, bool if plain else Optional[str], info, False if plain else None)
    return made


def _made(name: str, kind: Any, info: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )


def _kind(hint: Any) -> Any:
    """Return what the option parser reads for a type: a number, a flag, else text."""
    if hint in (int, float, bool, str):
        return hint
    inner = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is Union and len(inner) == 1 and inner[0] in (int, float):
        return hint
    return Optional[str]


def _value(said: Option, given: Any, short: list[Any]) -> Any:
    """Return what a field gets; None where the option was not given."""
    shorthands = [one.value.format(value) for one, value in zip(said.shorthands, short) if value]
    if said.parse_pair is not None:
        return dict(map(said.parse_pair, given)) if given else None
    if said.parse is not None:
        return None if given is None else said.parse(given)
    if said.repeat or said.commas:
        texts = [given] if isinstance(given, str) else [*(given or ()), *shorthands]
        if said.commas:
            texts = [one.strip() for text in texts for one in text.split(",")]
        return tuple(one for one in texts if one) or None
    return given


def _signed(
    run: Command, command: Command, replaced: str, parameters: list[inspect.Parameter]
) -> Command:
    """Give `run` the words of a command, and its parameters with one of them replaced."""
    signature = inspect.signature(command)
    own = [one for name, one in signature.parameters.items() if name != replaced]
    required = [one for one in (*parameters, *own) if one.default is REQUIRED]
    optional = [one for one in (*parameters, *own) if one.default is not REQUIRED]
    keyword = inspect.Parameter.KEYWORD_ONLY
    together = [one.replace(kind=keyword) for one in (*required, *optional)]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in together}
    return run
