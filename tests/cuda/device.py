"""A CUDA device that is not there, so that the GPU path can run where no GPU is.

Import this before torch. A small library (guard.cpp) tells a CPU build of torch that there is one CUDA device. A tensor on it
is a `Held`: it says `device='cuda:0'`, and holds its numbers on the CPU, where every operation is really computed. So results
can be compared with the CPU's. Three things are as strict as on a GPU: operations that mix devices raise; numpy refuses a
tensor; generators belong to a device. And three things are counted, with the line of ours that caused them:

    waits       the host stands still until the device is done: .item(), a copy to the host, a mask as an index, ...
    launches    operations that would start a kernel; views start none
    bytes       copied between host and device

It does not show real kernels, speed, memory, several GPUs, pinned memory or races between streams.
"""

import collections, contextlib, ctypes, hashlib, importlib.util, os, subprocess, sys, tempfile, time
from pathlib import Path

HERE = Path(__file__).parent


def build_guard(torch_folder:Path)->Path:
    "Compile guard.cpp for this torch, once; the library stays in the folder for temporary files."
    source = (HERE/'guard.cpp').read_bytes()
    name = hashlib.sha256(source + str(torch_folder).encode()).hexdigest()[:16]
    library = Path(tempfile.gettempdir())/f'instant4d-cuda-{os.getuid()}-{name}.so'
    if not library.exists():
        part = library.with_suffix(f'.{os.getpid()}')
        subprocess.run(['g++', '-std=c++20', '-O0', '-shared', '-fPIC', f'-I{torch_folder}/include', HERE/'guard.cpp', '-o', part,
                        f'-L{torch_folder}/lib', '-lc10', '-ltorch_cpu'], check=True, capture_output=True)
        part.replace(library)
    return library


assert 'torch' not in sys.modules, 'import this before torch: the device must be there when torch looks for it'
_folder = Path(importlib.util.find_spec('torch').origin).parent
for _name in ('libc10.so', 'libtorch_cpu.so'): ctypes.CDLL(str(_folder/'lib'/_name), mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(str(build_guard(_folder)))

import torch
import torch.optim.optimizer as _optimizer, torch.utils._foreach_utils as _foreach
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device('cuda', 0)


# ------------------------------------------------------------------------------------------------------------- the counts

waits, launches, moved = (collections.Counter() for _ in range(3))      # (what, where) -> times; operation -> times; way -> bytes
_silent = 0
OURS = '/instant4d/'


def reset_counts():
    for c in (waits, launches, moved): c.clear()


@contextlib.contextmanager
def uncounted():
    "What happens inside is not the program's doing."
    global _silent; _silent += 1
    try: yield
    finally: _silent -= 1


def caller(deep=2)->str:
    "The innermost lines of the package that are running."
    found, frame = [], sys._getframe(1)
    while frame and len(found) < deep:
        if OURS in (name := frame.f_code.co_filename): found.append(f'{Path(name).name}:{frame.f_lineno}')
        frame = frame.f_back
    return ' < '.join(found) or 'elsewhere'


def wait(what:str):
    "The host waits here."
    if Graph.now is not None: raise RuntimeError(f'{what}: not permitted when the stream is capturing')
    if not _silent: waits[what, caller()] += 1


def launch(operation:str):
    if not _silent: launches[operation] += 1


def told(title:str, per:int=1)->str:
    "All counts as text, most frequent waits first."
    lines = [f'{title}: {sum(waits.values())/per:.0f} waits, {sum(launches.values())/per:.0f} launches, '
             + ', '.join(f'{n/per/1e6:.1f} MB {way}' for way, n in moved.items())]
    return '\n'.join(lines + [f'  {n/per:5.1f} x {what}, {where}' for (what, where), n in waits.most_common(30)])


# ------------------------------------------------------------------------------------------------------------ the tensors

class Mixed(RuntimeError):
    "An operation was given tensors of two devices."


class Held(torch.Tensor):
    "A tensor on the device: `held` has its numbers, on the CPU."
    __torch_function__ = torch._C._disabled_torch_function_impl
    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
                                                   dtype=held.dtype, device=GPU, requires_grad=False)
    def __init__(self, held): self.held = held
    def __repr__(self, **_): return f'Held({getattr(self, "held", None)})'
    @classmethod
    def __torch_dispatch__(cls, f, types, args=(), kw=None): return compute(f, args, kw or {})
    def data_ptr(self): return self.held.data_ptr()
    def tolist(self): wait('tolist'); return self.held.tolist()
    def numpy(self, *_, **__): raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu() first")
    __array__ = numpy
    def __reduce_ex__(self, _): return revive, (self.detach().held.clone(), self.requires_grad)
    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = copy = Held(self.held.clone()).requires_grad_(self.requires_grad)
            if getattr(self, '_is_param', False): copy._is_param = True
            if self.grad is not None: copy.grad = self.grad.clone()
        return memo[id(self)]


def revive(held, gradient): return Held(held).requires_grad_(gradient)
def to_host(x): return x.held if isinstance(x, Held) else x
def to_device(x): return Held(x) if isinstance(x, torch.Tensor) and not isinstance(x, Held) else x


# ---------------------------------------------------------------------------------------------------------- the operations

VIEWS = set('''_reshape_alias _unsafe_view alias as_strided chunk detach diagonal expand lift_fresh movedim mT narrow permute real select
    slice split split_with_sizes squeeze t transpose unbind unflatten unfold unsafe_split unsqueeze view view_as'''.split())
MAKERS = set('''arange empty empty_like empty_strided eye full full_like linspace new_empty new_empty_strided new_full new_ones new_zeros
    ones ones_like rand rand_like randint randn randn_like randperm scalar_tensor tensor zeros zeros_like'''.split())
INDEXING = set('_index_put_impl_ _unsafe_index _unsafe_index_put index index_put index_put_'.split())
SIZE_UNKNOWN = set('_unique2 bincount masked_select nonzero repeat_interleave unique_consecutive unique_dim'.split())   # the host must ask
CHECKED = set('_linalg_check_errors _linalg_eigh _linalg_svd'.split())                                                   # the host looks at the result
ANY_DEVICE = set('_copy_from _local_scalar_dense _to_copy copy_ is_same_size set_'.split())


def compute(f, args, kw):
    "One operation: refuse what a GPU would refuse, count, compute on the CPU, and say where the result lies."
    name, tensors = f.overloadpacket.__name__, [t for t in tree_leaves((args, kw)) if isinstance(t, torch.Tensor)]
    on = [t for t in tensors if isinstance(t, Held)]
    wanted = None if kw.get('device') is None else torch.device(kw['device'])
    if name == '_pin_memory': return pinned(args[0])
    if not on and (wanted is None or wanted.type != 'cuda'): return f(*args, **kw)
    if name == '_to_copy' and not (Graph.now and isinstance(args[0], Held) and wanted in (None, GPU)): return copied(f, args[0], kw, wanted)
    if name == '_local_scalar_dense':
        wait('item')
        return f(args[0].held)
    if name == 'copy_' and isinstance(args[0], Held) != isinstance(args[1], Held): copied_over(*args[:2], non_blocking=args[2:] == (True,))
    if name == 'equal' or name in SIZE_UNKNOWN: wait(name)
    if name in CHECKED: wait(name)
    if on and name not in ANY_DEVICE: check_devices(name, args, tensors)
    check_generator(name, kw.get('generator'), wanted)
    if name not in VIEWS: launch(name)
    out = answered(f, name, tensors, args, kw, wanted)
    if Graph.now is not None: Graph.now.orders.append((f, args, kw, out))
    return out


def answered(f, name, tensors, args, kw, wanted):
    "Compute on the CPU; what was written to keeps its identity."
    here = tree_map(to_host, {k: v for k, v in kw.items() if k not in ('device', 'pin_memory')})
    if wanted is not None and name in MAKERS: here['device'] = torch.device('cpu') if wanted.type == 'cuda' else wanted
    out = f(*tree_map(to_host, args), **here)
    writes = any(r.alias_info is not None and r.alias_info.is_write for r in f._schema.returns)
    if writes and isinstance(out, torch.Tensor):
        for t in tensors:
            if to_host(t) is out: return t
    return out if wanted is not None and wanted.type != 'cuda' else tree_map(to_device, out)


def pinned(x):
    "A copy in memory that the device reads by itself, while the host goes on."
    y = x.clone(); y.pinned = True
    return y


def copied(f, x, kw, wanted):
    "`to`: another device, another type, or both."
    target = wanted or x.device
    if target.type == 'meta': return f(torch.empty_strided(x.size(), x.stride(), dtype=x.dtype, device='meta'), **kw)
    if isinstance(x, Held) and target.type == 'cpu': crossed(x.held, 'to host', waits=True)
    elif not isinstance(x, Held) and target.type == 'cuda': crossed(x, 'to device', waits=not (kw.get('non_blocking') and hasattr(x, 'pinned')))
    else: launch('_to_copy')
    kept = {k: v for k, v in kw.items() if k not in ('device', 'pin_memory', 'non_blocking')}
    y = f(to_host(x), **kept) if kept else to_host(x).clone()
    y = y.clone() if y is to_host(x) else y
    return Held(y) if target.type == 'cuda' else y


def copied_over(to, from_, *, non_blocking):
    "`to.copy_(from_)` from one side to the other."
    way = 'to host' if isinstance(from_, Held) else 'to device'
    crossed(to_host(from_), way, waits=not (non_blocking and hasattr(from_, 'pinned')))


def crossed(x, way, *, waits):
    if _silent: return
    moved[way] += x.nbytes
    if waits: wait(f'copy {way}')


def check_devices(name, args, tensors):
    "Numbers without dimensions may come from the host; indices too, at the price of a wait; nothing else."
    strangers = [t for t in tensors if not isinstance(t, Held) and t.ndim]
    if name in INDEXING:
        index = [t for t in tree_leaves(args[1]) if isinstance(t, torch.Tensor)]
        if not isinstance(args[0], Held): raise Mixed(f'{name}: indices should be on the device of the indexed tensor (cpu)')
        if any(not isinstance(t, Held) for t in index): wait('copy of an index to the device')
        if any(t.dtype in (torch.bool, torch.uint8) for t in index): wait('a mask as an index')
        strangers = [t for t in strangers if not any(t is i for i in index)]
    if strangers:
        shapes = [tuple(t.shape) for t in tensors]
        raise Mixed(f'{name}: expected all tensors to be on the same device, but found cuda:0 and cpu, shapes {shapes}')


class Everywhere(TorchDispatchMode):
    "While this is active, operations without any `Held` are seen too: those that make tensors on the device."
    def __enter__(self): torch._C._set_only_lift_cpu_tensors(True); return super().__enter__()
    def __exit__(self, *a): torch._C._set_only_lift_cpu_tensors(False); return super().__exit__(*a)
    def __torch_dispatch__(self, f, types, args=(), kw=None): return compute(f, args, kw or {})


# -------------------------------------------------------------------------------------------- what torch itself must believe

class Generator(torch.Generator):
    "A generator that remembers its device; its numbers are the CPU's."
    made = []                                       # keeps them alive: their addresses are their names
    def __new__(cls, device='cpu'): return super().__new__(cls, 'cpu')
    def __init__(self, device='cpu'): self.side = torch.device(device).type; Generator.made.append(self)
    device = property(lambda self: GPU if self.side == 'cuda' else torch.device('cpu'))


def check_generator(name, generator, wanted):
    if generator is None or wanted is None: return
    side = next((g.side for g in Generator.made if g._cdata == generator._cdata), 'cpu')
    if side != wanted.type: raise Mixed(f"{name}: expected a '{wanted.type}' device type for generator but found '{side}'")


_module_to, _load = torch.nn.Module.to, torch.load

def module_to(self, *args, **kw):
    "As torch's, which replaces a parameter's numbers in place; a `Held` cannot take the place of a plain tensor, so it is set anew."
    device, dtype, *_ = torch._C._nn._parse_to(*args, **kw)
    held = [isinstance(t, Held) for t in (*self.parameters(), *self.buffers())]
    cuda = device is not None and device.type == 'cuda'
    if device is not None and dtype is None and all(h == cuda for h in held): return self
    if not any(held) and not cuda: return _module_to(self, *args, **kw)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try: return _module_to(self, *args, **kw)
    finally: torch.__future__.set_overwrite_module_params_on_conversion(False)


def load(path, map_location=None, **kw):
    "As torch's: every tensor lands where `map_location` says."
    if map_location is None: return _load(path, **kw)
    return tree_map(to_device if torch.device(map_location).type == 'cuda' else to_host, _load(path, 'cpu', **kw))


torch.nn.Module.to, torch.load, torch.Generator = module_to, load, Generator
torch.serialization.add_safe_globals([Held, revive])
torch.cuda._lazy_init = lambda: None
torch.cuda.amp.common.amp_definitely_not_available = lambda: False
_foreach._foreach_supported_types.append(Held)
_optimizer._foreach_supported_types.append(Held)


# ------------------------------------------------------------------------------------- what programs ask of `torch.cuda`

class Event:
    "A mark in the stream of work; on this device work is done as soon as it is ordered."
    def __init__(self, **_): self.at = 0.
    def record(self, *_): self.at = time.perf_counter()
    def synchronize(self): wait('event')
    def elapsed_time(self, other): return 1e3*(other.at - self.at)


class Graph:
    "Orders that are noted once and repeated: from the same tensors into the same tensors."
    now = None              # the one that is being captured
    def __init__(self): self.orders = []
    def replay(self):
        launch('graph')
        with uncounted():
            for f, args, kw, old in self.orders:
                new = compute(f, args, kw)
                for a, b in zip(tree_leaves(old), tree_leaves(new)):
                    if isinstance(a, Held) and a is not b: a.held.copy_(b.held)


@contextlib.contextmanager
def capture(graph, **_):
    Graph.now = graph
    try: yield
    finally: Graph.now = None


class Stream:
    "There is one queue only; it stands for all."
    def wait_stream(self, other): pass


class Cuda(Everywhere):
    "`with Cuda():` there is a GPU."
    answers = dict(is_available=lambda: True, device_count=lambda: 1, current_device=lambda: 0, set_device=lambda _: None,
                   get_device_name=lambda *_: 'a CUDA device that is not there', is_bf16_supported=lambda *_, **__: True,
                   get_device_capability=lambda *_: (9, 0), mem_get_info=lambda *_: (70 << 30, 80 << 30),
                   memory_allocated=lambda *_: 0, max_memory_allocated=lambda *_: 0, reset_peak_memory_stats=lambda *_: None,
                   empty_cache=lambda: None, get_rng_state=lambda *_: torch.zeros(16, dtype=torch.uint8), set_rng_state=lambda *_: None,
                   manual_seed=lambda _: None, manual_seed_all=lambda _: None, synchronize=lambda *_: wait('synchronize'), Event=Event,
                   CUDAGraph=Graph, graph=capture, Stream=Stream, current_stream=Stream, stream=lambda _: contextlib.nullcontext())
    def __enter__(self):
        self.before = {k: getattr(torch.cuda, k) for k in self.answers}
        for k, v in self.answers.items(): setattr(torch.cuda, k, v)
        return super().__enter__()
    def __exit__(self, *a):
        for k, v in self.before.items(): setattr(torch.cuda, k, v)
        return super().__exit__(*a)
