"""TorchScript source that touches files is found whatever it is written like."""

from __future__ import annotations

import pytest

from edgeloop.runtimes._torch_script_trust import source_findings

PLAIN = """
class Net(Module):
  __parameters__ = ["weight", ]
  classes : int
  def forward(self: __torch__.torch.nn.Net, x: Tensor) -> Tensor:
    _0 = getattr(self, "0")
    y = ops.quantized.linear((_0).forward(x, ), CONSTANTS.c0, )
    ops.prim.RaiseException("do not save\\n\\303\\251", )
    z = torch.gelu(y, approximate="")
    p = __torch__.torch.classes.quantized.LinearPackedParamsBase
    return torch.add(z, (self).classes, alpha=1)
"""


def test_what_a_network_is_made_of_is_harmless():
    assert list(source_findings(PLAIN)) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('torch.save(x, "p")', "save"),
        ('x.save("p")', "save"),
        ('torch . \t save(x, "p")', "save"),
        ('torch.#"\nsave(x)', "save"),
        ('"p".from_file(True, 3)', "from_file"),
        ('getattr(torch, "save")(x)', "save"),
        ("getattr(torch, 'save')(x)", "save"),
        ('getattr(torch, "sa" "ve")', "hides"),
        (r'getattr(torch, "\163ave")', "hides"),
        ('getattr(torch, "sa\\\nve")', "does not write"),
        ('torch.\\\nsave(x, "p")', "does not write"),
        ('"""" torch.save(x)', "hides"),
        ("ops.c10d.broadcast(x)", "c10d"),
        ("o = ops\n", "another name"),
        ("o = ops", "another name"),
        ('getattr(ops, "c10d")', "another name"),
        ("t = torch\n", "another name"),
        ("t = __torch__.torch\n", "another name"),
        ("t = __torch__.torch.classes\n", "another name"),
        ("__torch__.torch.classes.dist_c10d.Store", "dist_c10d"),
    ],
)
def test_what_touches_files_is_found(line, words):
    assert words in " ".join(source_findings(line))
    assert words in " ".join(source_findings(f"def forward(self, x):\n  {line}\n  return x\n"))
