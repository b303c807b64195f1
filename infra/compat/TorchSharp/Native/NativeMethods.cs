using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace TorchSharp.Native;

/// <summary>The C ABI of native/bridge.cpp. A tensor handle is a <c>c10::TensorImpl*</c> that owns one reference.</summary>
/// <remarks>Only calls that read a field suppress the GC transition: an operator may run for seconds.</remarks>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "toolr0_torch";

    static NativeMethods() => BridgeLoader.Register();

    [LibraryImport(Library)] internal static partial byte* tr_error();
    [LibraryImport(Library)] internal static partial byte* tr_version();
    [LibraryImport(Library)] internal static partial int tr_operator(byte* name, byte* overload);
    [LibraryImport(Library)] internal static partial int tr_call(int id, NativeArg* args, int count, nint* results, int capacity);
    [LibraryImport(Library)] internal static partial void tr_free(nint handle);
    [LibraryImport(Library)] internal static partial nint tr_alias(nint handle);
    [LibraryImport(Library)] internal static partial nint tr_from_memory(void* data, long* sizes, int dimensions, int dtype);
    [LibraryImport(Library)]
    internal static partial nint tr_from_blob(
        void* data, long* sizes, int dimensions, int dtype, delegate* unmanaged<nint, void> deleter, nint context);

    [LibraryImport(Library)] internal static partial void* tr_data(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tr_dimensions(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long tr_elements(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long tr_element_size(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tr_dtype(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tr_device_type(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tr_device_index(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tr_is_contiguous(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long tr_storage_offset(nint handle);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void tr_sizes(nint handle, long* sizes);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void tr_strides(nint handle, long* strides);

    [LibraryImport(Library)] internal static partial int tr_requires_grad(nint handle);
    [LibraryImport(Library)] internal static partial int tr_set_requires_grad(nint handle, int value);
    [LibraryImport(Library)] internal static partial int tr_is_leaf(nint handle);
    [LibraryImport(Library)] internal static partial int tr_retain_grad(nint handle);
    [LibraryImport(Library)] internal static partial int tr_grad(nint handle, nint* result);
    [LibraryImport(Library)] internal static partial int tr_set_grad(nint handle, nint gradient);
    [LibraryImport(Library)]
    internal static partial int tr_backward(
        nint* tensors, int count, nint* gradients, int gradientCount, int retainGraph, int createGraph, nint* inputs, int inputCount);

    [LibraryImport(Library)]
    internal static partial int tr_autograd_grad(
        nint* outputs, int count, nint* inputs, int inputCount, nint* gradients, int gradientCount, int retainGraph, int createGraph,
        int allowUnused, nint* results);

    [LibraryImport(Library)] internal static partial int tr_grad_enabled();
    [LibraryImport(Library)] internal static partial void tr_set_grad_enabled(int value);
    [LibraryImport(Library)] internal static partial nint tr_inference_guard(int mode);
    [LibraryImport(Library)] internal static partial void tr_inference_guard_delete(nint guard);
    [LibraryImport(Library)] internal static partial int tr_inference_enabled();
    [LibraryImport(Library)] internal static partial int tr_threads();
    [LibraryImport(Library)] internal static partial int tr_set_threads(int count);
    [LibraryImport(Library)] internal static partial int tr_manual_seed(ulong seed);
    [LibraryImport(Library)] internal static partial int tr_cuda_devices();
    [LibraryImport(Library)] internal static partial int tr_cuda_synchronize(int device);

    /// <summary>Throws what libtorch said when a call returned a negative result.</summary>
    /// <exception cref="ExternalException">As in the genuine library, with libtorch's own text.</exception>
    internal static int Check(int result)
    {
        if (result < 0)
            Throw();
        return result;
    }

    internal static nint Check(nint handle)
    {
        if (handle == 0)
            Throw();
        return handle;
    }

    private static void Throw() => throw new ExternalException(Marshal.PtrToStringUTF8((nint)tr_error()));
}
