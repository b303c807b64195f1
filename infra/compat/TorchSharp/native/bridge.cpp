// A C ABI over libtorch: any ATen operator by its schema name through the boxed dispatcher, autograd included.
//
// Conventions
//  - A tensor handle is a c10::TensorImpl* that owns one reference. Null is the undefined tensor.
//  - A function that can fail returns -1 (or null) and leaves its text for tr_error(), per thread. No exception leaves here.
//  - Everything is safe to call from several threads; grad mode, inference mode and the error text belong to the thread.
//
// Compiles against libtorch 1.13 and PyTorch 2.x: only headers and calls that both have, told apart where they differ.

#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Impl = c10::TensorImpl;

// libtorch 1.13 has an optional of its own.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
using OptionalTensor = std::optional<at::Tensor>;
#else
using OptionalTensor = c10::optional<at::Tensor>;
#endif

thread_local std::string last_error;

// Runs body; turns any exception into the thread's error text and returns failed.
template <class T, class Body>
T guarded(T failed, Body&& body) noexcept {
  try {
    return body();
  } catch (const c10::Error& e) {
    last_error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    last_error = e.what();
  } catch (...) {
    last_error = "unknown exception in libtorch";
  }
  return failed;
}

// A new reference to what the handle points at.
at::Tensor borrow(Impl* handle) {
  if (handle == nullptr) return at::Tensor();
  return at::Tensor(c10::intrusive_ptr<Impl, c10::UndefinedTensorImpl>::reclaim_copy(handle));
}

// Hands the tensor's reference over to the caller.
Impl* release(at::Tensor&& tensor) {
  return tensor.defined() ? tensor.unsafeReleaseTensorImpl() : nullptr;
}

// An operator argument as the caller writes it: 16 bytes, no ownership.
struct Arg {
  int32_t kind;
  int32_t count;
  union {
    int64_t integer;
    double real;
    const void* pointer;
  };
};

enum Kind : int32_t {
  None = 0,
  Tensor = 1,           // pointer: handle
  Int = 2,              // also ScalarType, Layout, MemoryFormat
  Double = 3,
  Bool = 4,
  IntList = 5,          // pointer: int64_t[count]
  TensorList = 6,       // pointer: Impl*[count]
  OptionalTensorList = 7,
  DeviceArg = 8,        // integer: index, count: type
  String = 9,           // pointer: utf-8, count bytes
  DoubleList = 10,
  Default = 11,         // the schema's own default
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<c10::IValue> defaults;
};

// Operators are registered once and live as long as the process; an id is an index. The table never moves.
constexpr int kMaxOperators = 1024;
std::unique_ptr<Operator> operators[kMaxOperators];
int operator_count = 0;
std::mutex operator_mutex;

c10::IValue to_ivalue(const Arg& arg, const c10::IValue& fallback) {
  switch (arg.kind) {
    case None: return c10::IValue();
    case Tensor: return c10::IValue(borrow(static_cast<Impl*>(const_cast<void*>(arg.pointer))));
    case Int: return c10::IValue(arg.integer);
    case Double: return c10::IValue(arg.real);
    case Bool: return c10::IValue(arg.integer != 0);
    case IntList: {
      auto* values = static_cast<const int64_t*>(arg.pointer);
      return c10::IValue(c10::IntArrayRef(values, arg.count));
    }
    case DoubleList: {
      auto* values = static_cast<const double*>(arg.pointer);
      return c10::IValue(c10::ArrayRef<double>(values, arg.count));
    }
    case TensorList: {
      auto* handles = static_cast<Impl* const*>(arg.pointer);
      c10::List<at::Tensor> list;
      list.reserve(arg.count);
      for (int i = 0; i < arg.count; i++) list.push_back(borrow(handles[i]));
      return c10::IValue(std::move(list));
    }
    case OptionalTensorList: {
      auto* handles = static_cast<Impl* const*>(arg.pointer);
      c10::List<OptionalTensor> list;
      list.reserve(arg.count);
      for (int i = 0; i < arg.count; i++) {
        if (handles[i] == nullptr) list.push_back(OptionalTensor());
        else list.push_back(OptionalTensor(borrow(handles[i])));
      }
      return c10::IValue(std::move(list));
    }
    case DeviceArg:
      return c10::IValue(c10::Device(static_cast<c10::DeviceType>(arg.count), static_cast<c10::DeviceIndex>(arg.integer)));
    case String:
      return c10::IValue(std::string(static_cast<const char*>(arg.pointer), arg.count));
    case Default: return fallback;
    default: throw std::invalid_argument("unknown argument kind");
  }
}

std::vector<at::Tensor> borrow_all(Impl* const* handles, int count) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (int i = 0; i < count; i++) tensors.push_back(borrow(handles[i]));
  return tensors;
}

// A symbol of this library or of one it depends on. The host loads this library with local scope, so the default search order misses them.
void* find_in_dependencies(const char* symbol) {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&find_in_dependencies), &self) == 0) return nullptr;
  void* library = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  return library == nullptr ? nullptr : dlsym(library, symbol);
}

}  // namespace

EXPORT const char* tr_error() { return last_error.c_str(); }

EXPORT const char* tr_version() { return TORCH_VERSION; }

// The id of the operator, or -1. Asking twice gives two ids; callers keep theirs.
EXPORT int tr_operator(const char* name, const char* overload) {
  return guarded(-1, [&] {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    std::vector<c10::IValue> defaults;
    for (const auto& argument : handle.schema().arguments()) {
      defaults.push_back(argument.default_value() ? *argument.default_value() : c10::IValue());
    }
    std::lock_guard<std::mutex> lock(operator_mutex);
    if (operator_count == kMaxOperators) throw std::runtime_error("too many operators");
    operators[operator_count].reset(new Operator{handle, std::move(defaults)});
    return operator_count++;
  });
}

// Calls an operator. Arguments left out at the end take the schema's defaults. Tensors it returns are flattened into
// results, of which at most capacity are kept. Returns how many there were, or -1.
EXPORT int tr_call(int id, const Arg* args, int count, Impl** results, int capacity) {
  return guarded(-1, [&] {
    const Operator& op = *operators[id];
    // The dispatcher may run code that calls operators again, never this function: one stack per thread is enough.
    thread_local torch::jit::Stack stack;
    stack.clear();
    struct Clear {
      torch::jit::Stack& stack;
      ~Clear() { stack.clear(); }
    } clear{stack};
    const int arity = static_cast<int>(op.defaults.size());
    if (count > arity) throw std::invalid_argument("too many arguments for " + toString(op.handle.operator_name()));
    for (int i = 0; i < count; i++) stack.push_back(to_ivalue(args[i], op.defaults[i]));
    for (int i = count; i < arity; i++) stack.push_back(op.defaults[i]);
    op.handle.callBoxed(stack);
    int produced = 0;
    auto keep = [&](at::Tensor&& tensor) {
      if (produced < capacity) results[produced] = release(std::move(tensor));
      produced++;
    };
    if (capacity == 0) return 0;
    for (auto& value : stack) {
      if (value.isTensor()) {
        keep(std::move(value).toTensor());
      } else if (value.isTensorList()) {
        for (auto&& tensor : value.toTensorVector()) keep(std::move(tensor));
      }
    }
    return produced;
  });
}

EXPORT void tr_free(Impl* handle) {
  guarded(0, [&] {
    c10::raw::intrusive_ptr::decref(handle);
    return 0;
  });
}

// Another reference to the same tensor.
EXPORT Impl* tr_alias(Impl* handle) {
  c10::raw::intrusive_ptr::incref(handle);
  return handle;
}

// A tensor on the CPU with a copy of size*element bytes from data.
EXPORT Impl* tr_from_memory(const void* data, const int64_t* sizes, int dimensions, int dtype) {
  return guarded<Impl*>(nullptr, [&] {
    auto tensor = at::Tensor(at::detail::empty_cpu(c10::IntArrayRef(sizes, dimensions), static_cast<c10::ScalarType>(dtype)));
    if (tensor.nbytes() != 0) std::memcpy(tensor.data_ptr(), data, tensor.nbytes());
    return release(std::move(tensor));
  });
}

// A tensor on the CPU over the caller's memory; deleter(context) runs when the last reference goes.
EXPORT Impl* tr_from_blob(void* data, const int64_t* sizes, int dimensions, int dtype, void (*deleter)(void*), void* context) {
  return guarded<Impl*>(nullptr, [&] {
    auto tensor = at::for_blob(data, c10::IntArrayRef(sizes, dimensions))
                      .context(context, deleter)
                      .options(c10::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)))
                      .make_tensor();
    return release(std::move(tensor));
  });
}

EXPORT void* tr_data(Impl* handle) {
  return guarded<void*>(nullptr, [&] { return borrow(handle).data_ptr(); });
}

EXPORT int tr_dimensions(Impl* handle) { return static_cast<int>(handle->dim()); }
EXPORT int64_t tr_elements(Impl* handle) { return handle->numel(); }
EXPORT int64_t tr_element_size(Impl* handle) { return static_cast<int64_t>(handle->itemsize()); }
EXPORT int tr_dtype(Impl* handle) { return static_cast<int>(c10::typeMetaToScalarType(handle->dtype())); }
EXPORT int tr_device_type(Impl* handle) { return static_cast<int>(handle->device().type()); }
EXPORT int tr_device_index(Impl* handle) { return static_cast<int>(handle->device().index()); }
EXPORT int tr_is_contiguous(Impl* handle) { return handle->is_contiguous() ? 1 : 0; }
EXPORT int64_t tr_storage_offset(Impl* handle) { return handle->storage_offset(); }

EXPORT void tr_sizes(Impl* handle, int64_t* sizes) {
  auto source = handle->sizes();
  std::copy(source.begin(), source.end(), sizes);
}

EXPORT void tr_strides(Impl* handle, int64_t* strides) {
  auto source = handle->strides();
  std::copy(source.begin(), source.end(), strides);
}

EXPORT int tr_requires_grad(Impl* handle) {
  return guarded(-1, [&] { return borrow(handle).requires_grad() ? 1 : 0; });
}

EXPORT int tr_set_requires_grad(Impl* handle, int value) {
  return guarded(-1, [&] {
    borrow(handle).set_requires_grad(value != 0);
    return 0;
  });
}

EXPORT int tr_is_leaf(Impl* handle) {
  return guarded(-1, [&] { return borrow(handle).is_leaf() ? 1 : 0; });
}

EXPORT int tr_retain_grad(Impl* handle) {
  return guarded(-1, [&] {
    borrow(handle).retain_grad();
    return 0;
  });
}

// 1 and a handle, 0 when there is no gradient, -1 on error.
EXPORT int tr_grad(Impl* handle, Impl** result) {
  return guarded(-1, [&] {
    auto gradient = borrow(handle).grad();
    *result = release(std::move(gradient));
    return *result == nullptr ? 0 : 1;
  });
}

EXPORT int tr_set_grad(Impl* handle, Impl* gradient) {
  return guarded(-1, [&] {
    borrow(handle).mutable_grad() = borrow(gradient);
    return 0;
  });
}

// torch::autograd::backward; gradients accumulate in the leaves (or in inputs only, where given).
EXPORT int tr_backward(
    Impl* const* tensors, int count, Impl* const* gradients, int gradient_count, int retain_graph, int create_graph, Impl* const* inputs,
    int input_count) {
  return guarded(-1, [&] {
    torch::autograd::backward(
        borrow_all(tensors, count), borrow_all(gradients, gradient_count), retain_graph != 0, create_graph != 0, borrow_all(inputs, input_count));
    return 0;
  });
}

// torch::autograd::grad; results holds input_count handles, null where an input was not used.
EXPORT int tr_autograd_grad(
    Impl* const* outputs, int count, Impl* const* inputs, int input_count, Impl* const* gradients, int gradient_count, int retain_graph,
    int create_graph, int allow_unused, Impl** results) {
  return guarded(-1, [&] {
    auto found = torch::autograd::grad(
        borrow_all(outputs, count), borrow_all(inputs, input_count), borrow_all(gradients, gradient_count), retain_graph != 0, create_graph != 0,
        allow_unused != 0);
    for (size_t i = 0; i < found.size(); i++) results[i] = release(std::move(found[i]));
    return 0;
  });
}

EXPORT int tr_grad_enabled() { return c10::GradMode::is_enabled() ? 1 : 0; }
EXPORT void tr_set_grad_enabled(int value) { c10::GradMode::set_enabled(value != 0); }

// The guard must be deleted on the thread that made it.
EXPORT void* tr_inference_guard(int mode) {
  return guarded<void*>(nullptr, [&] { return new c10::InferenceMode(mode != 0); });
}
EXPORT void tr_inference_guard_delete(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
EXPORT int tr_inference_enabled() { return c10::InferenceMode::is_enabled() ? 1 : 0; }

EXPORT int tr_threads() {
  return guarded(-1, [] { return at::get_num_threads(); });
}

// Also tells OpenBLAS, which keeps a pool of its own.
EXPORT int tr_set_threads(int count) {
  return guarded(-1, [&] {
    if (count < 1) throw std::invalid_argument("the number of threads must be positive");
    at::set_num_threads(count);
    using Setter = void (*)(int);
    static const auto openblas = reinterpret_cast<Setter>(find_in_dependencies("openblas_set_num_threads"));
    if (openblas != nullptr) openblas(count);
    return 0;
  });
}

EXPORT int tr_manual_seed(uint64_t seed) {
  return guarded(-1, [&] {
    at::manual_seed(seed);
    return 0;
  });
}

// How many CUDA devices this process can use; 0 where libtorch has no CUDA part.
EXPORT int tr_cuda_devices() {
  return guarded(-1, [] {
    if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return 0;
    return static_cast<int>(c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount());
  });
}

// Waits for what this thread's stream on the device was given; device < 0 is the current one.
EXPORT int tr_cuda_synchronize(int device) {
  return guarded(-1, [&] {
    const auto* impl = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA);
    const auto where = device < 0 ? impl->getDevice() : c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(device));
    impl->synchronizeStream(impl->getStream(where));
    return 0;
  });
}
