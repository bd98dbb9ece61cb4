// The Python module shm_stream._native: addresses, strides and sizes in. shm_stream/fuse.py checks them first.
#include "fuse.h"
#include "mnet.h"
#include "prepare.h"
#include "prores_alpha.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

using Size = std::pair<int, int>;              // height, width
using Array = std::pair<uintptr_t, ptrdiff_t>;  // address, bytes between rows; address 0: absent
using Picture = std::tuple<Array, Array, Array, int>;  // RGB or Y, then U, V and their step; or absent, absent, 0
using Matrix = std::array<float, 12>;

shm::Plane plane(Array array) { return {reinterpret_cast<void*>(array.first), array.second}; }

shm::Picture picture(const Picture& p) {
    return {plane(std::get<0>(p)), plane(std::get<1>(p)), plane(std::get<2>(p)), std::get<3>(p)};
}

shm::FuseArgs fuse_args(uintptr_t logits, Size logits_size, Size size, Array alpha_raw, const Picture& frame,
                        const Picture& background, const Picture& composite, Array alpha, Array alpha8) {
    return {reinterpret_cast<const float*>(logits), logits_size.first, logits_size.second, size.first, size.second,
            plane(alpha_raw), picture(frame), picture(background), picture(composite), plane(alpha), plane(alpha8)};
}

shm::GatherArgs gather_args(uintptr_t logits, Size logits_size, const Picture& frame, Size frame_size, Size corner,
                            Size size, uintptr_t out, const Matrix& rgb_from_yuv) {
    shm::GatherArgs args = {reinterpret_cast<const float*>(logits), logits_size.first, logits_size.second,
                            picture(frame), frame_size.first, frame_size.second, corner.first, corner.second,
                            size.first, size.second, reinterpret_cast<float*>(out), {}};
    std::copy(rgb_from_yuv.begin(), rgb_from_yuv.end(), args.rgb_from_yuv);
    return args;
}

shm::PrepareArgs prepare_args(const Picture& frame, Size frame_size, Array out, Size size, const Matrix& rgb_from_yuv) {
    shm::PrepareArgs args = {picture(frame), frame_size.first, frame_size.second, plane(out), size.first, size.second, {}};
    std::copy(rgb_from_yuv.begin(), rgb_from_yuv.end(), args.rgb_from_yuv);
    return args;
}

std::vector<std::string> cpu_paths() {
    std::vector<std::string> names;
    for (int i = 0; i < shm::kCpuPathCount; ++i)
        if (shm::kCpuPaths[i].supported()) names.emplace_back(shm::kCpuPaths[i].name);
    return names;
}

const shm::CpuPath& find_path(const std::string& name) {
    for (int i = 0; i < shm::kCpuPathCount; ++i)
        if (name == shm::kCpuPaths[i].name && shm::kCpuPaths[i].supported()) return shm::kCpuPaths[i];
    throw std::invalid_argument("no CPU path '" + name + "' on this machine");
}

#if defined(SHM_WITH_CUDA)
void check(const char* error) {
    if (error) throw std::runtime_error(std::string("CUDA: ") + error);
}

py::tuple cuda_devices() {
    const char* why = nullptr;
    const int count = shm::cuda_device_count(&why);
    return py::make_tuple(count, why ? py::object(py::str(why)) : py::object(py::none()));
}
#endif

}  // namespace

PYBIND11_MODULE(_native, m) {
    using release_gil = py::gil_scoped_release;
    m.doc() = "Native kernels of shm_stream. Call them through shm_stream.fuse, which checks its arguments.";
    m.attr("build_info") = SHM_BUILD_INFO;
    m.def("cpu_paths", cpu_paths, "Names of the CPU paths this machine can run, best first.");

    const py::arg logits("logits"), logits_size("logits_size"), size("size"), alpha_raw("alpha_raw"), frame("frame"),
        background("background"), composite("composite"), alpha("alpha"), alpha8("alpha8"), frame_size("frame_size"),
        corner("corner"), out("out"), rgb_from_yuv("rgb_from_yuv");

    m.def("fuse_composite",
          [](const std::string& path, int threads, uintptr_t l, Size ls, Size s, Array ar, const Picture& f,
             const Picture& b, const Picture& c, Array a, Array a8) {
              const auto& chosen = find_path(path);
              const release_gil released;
              shm::fuse_cpu(chosen, fuse_args(l, ls, s, ar, f, b, c, a, a8), threads);
          },
          py::arg("path"), py::arg("threads"), logits, logits_size, size, alpha_raw, frame, background, composite, alpha,
          alpha8);
    m.def("gather",
          [](const std::string& path, int threads, uintptr_t l, Size ls, const Picture& f, Size fs, Size corner_,
             Size s, uintptr_t o, const Matrix& matrix) {
              const auto& chosen = find_path(path);
              const release_gil released;
              shm::gather_cpu(chosen, gather_args(l, ls, f, fs, corner_, s, o, matrix), threads);
          },
          py::arg("path"), py::arg("threads"), logits, logits_size, frame, frame_size, corner, size, out,
          rgb_from_yuv);
    m.def("prepare",
          [](const std::string& path, int threads, const Picture& f, Size fs, Array o, Size s, const Matrix& matrix) {
              const auto& chosen = find_path(path);
              const release_gil released;
              shm::prepare_cpu(chosen, prepare_args(f, fs, o, s, matrix), threads);
          },
          py::arg("path"), py::arg("threads"), frame, frame_size, out, size, rgb_from_yuv);
    m.attr("mnet_parameters") = sizeof(shm::MnetParameters) / sizeof(float);
    m.def("mnet",
          [](const std::string& path, int threads, uintptr_t l, Size ls, const Picture& f, Size fs, Size corner_,
             Size s, const Matrix& matrix, uintptr_t depth, uintptr_t parameters, Array ar, uintptr_t stale) {
              const auto& chosen = find_path(path);
              const release_gil released;
              shm::mnet_cpu(chosen,
                            {gather_args(l, ls, f, fs, corner_, s, 0, matrix), reinterpret_cast<const uint8_t*>(depth),
                             reinterpret_cast<const shm::MnetParameters*>(parameters), plane(ar),
                             reinterpret_cast<const uint8_t*>(stale)},
                            threads);
          },
          py::arg("path"), py::arg("threads"), logits, logits_size, frame, frame_size, corner, size, rgb_from_yuv,
          py::arg("depth"), py::arg("parameters"), alpha_raw, py::arg("stale"));
    m.def("prores_alpha",
          [](Array a, Size s, int blocks, uintptr_t o, uintptr_t sizes) {
              const release_gil released;
              shm::prores_alpha({plane(a), s.first, s.second, blocks, reinterpret_cast<uint8_t*>(o),
                                 reinterpret_cast<uint16_t*>(sizes)});
          },
          alpha, size, py::arg("slice_blocks"), out, py::arg("sizes"));
    m.def("fuse_emulated",
          [](Size block, uintptr_t l, Size ls, Size s, Array ar, const Picture& f, const Picture& b, const Picture& c,
             Array a, Array a8) {
              if (block.first < 1 || block.second < 1) throw std::invalid_argument("block sides must be at least 1");
              const release_gil released;
              shm::fuse_emulated(fuse_args(l, ls, s, ar, f, b, c, a, a8), block.second, block.first);
          },
          py::arg("block"), logits, logits_size, size, alpha_raw, frame, background, composite, alpha, alpha8);
    m.def("gather_emulated",
          [](Size block, uintptr_t l, Size ls, const Picture& f, Size fs, Size corner_, Size s, uintptr_t o,
             const Matrix& matrix) {
              if (block.first < 1 || block.second < 1) throw std::invalid_argument("block sides must be at least 1");
              const release_gil released;
              shm::gather_emulated(gather_args(l, ls, f, fs, corner_, s, o, matrix), block.second, block.first);
          },
          py::arg("block"), logits, logits_size, frame, frame_size, corner, size, out,
          rgb_from_yuv);
    m.def("prepare_emulated",
          [](Size block, const Picture& f, Size fs, Array o, Size s, const Matrix& matrix) {
              if (block.first < 1 || block.second < 1) throw std::invalid_argument("block sides must be at least 1");
              const release_gil released;
              shm::prepare_emulated(prepare_args(f, fs, o, s, matrix), block.second, block.first);
          },
          py::arg("block"), frame, frame_size, out, size, rgb_from_yuv);

#if defined(SHM_WITH_CUDA)
    m.def("cuda_devices", cuda_devices, "(number of usable devices, why there is none or None).");
    m.def("fuse_cuda",
          [](int device, uintptr_t stream, uintptr_t l, Size ls, Size s, Array ar, const Picture& f,
             const Picture& b, const Picture& c, Array a, Array a8) {
              const release_gil released;
              check(shm::fuse_cuda(fuse_args(l, ls, s, ar, f, b, c, a, a8), device, reinterpret_cast<void*>(stream)));
          },
          py::arg("device"), py::arg("stream"), logits, logits_size, size, alpha_raw, frame, background, composite,
          alpha, alpha8);
    m.def("gather_cuda",
          [](int device, uintptr_t stream, uintptr_t l, Size ls, const Picture& f, Size fs, Size corner_,
             Size s, uintptr_t o, const Matrix& matrix) {
              const release_gil released;
              check(shm::gather_cuda(gather_args(l, ls, f, fs, corner_, s, o, matrix), device,
                                     reinterpret_cast<void*>(stream)));
          },
          py::arg("device"), py::arg("stream"), logits, logits_size, frame, frame_size, corner, size, out,
          rgb_from_yuv);
    m.def("prepare_cuda",
          [](int device, uintptr_t stream, const Picture& f, Size fs, Array o, Size s, const Matrix& matrix) {
              const release_gil released;
              check(shm::prepare_cuda(prepare_args(f, fs, o, s, matrix), device, reinterpret_cast<void*>(stream)));
          },
          py::arg("device"), py::arg("stream"), frame, frame_size, out, size, rgb_from_yuv);
#endif
}
