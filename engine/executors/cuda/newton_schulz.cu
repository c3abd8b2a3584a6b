// Newton-Schulz iterations of one matrix of at most SIDE x SIDE in a block of 64 threads, all in shared memory: the matrix is read and
// written once. Thread (row, col) of 8 x 8 has TILE x TILE entries of a product in registers. Missing rows and columns are zero, which no
// product changes. cuda_newton_schulz.py compiles it with SIDE (16, 32 or 64), VECTOR = min(4, TILE), and PACK, so many floats as one.
#define TILE (SIDE / 8)
#define STRIDE (SIDE + 4)

// c <- a^T b for a, b (SIDE, SIDE) in shared memory, its rows k: c[i][j] = sum_k a[k][i] b[k][j], this thread's tile
__device__ __forceinline__ void product(const float *a, const float *b, float c[TILE][TILE], int row, int col) {
    #pragma unroll
    for (int i = 0; i < TILE; i++)
        #pragma unroll
        for (int j = 0; j < TILE; j++) c[i][j] = 0.0f;
    #pragma unroll 4
    for (int k = 0; k < SIDE; k++) {
        float p[TILE], q[TILE];
        #pragma unroll
        for (int i = 0; i < TILE; i += VECTOR) {
            *(PACK *)&p[i] = *(const PACK *)&a[k * STRIDE + 8 * i + VECTOR * row];
            *(PACK *)&q[i] = *(const PACK *)&b[k * STRIDE + 8 * i + VECTOR * col];
        }
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j++) c[i][j] = fmaf(p[i], q[j], c[i][j]);
    }
}
// The place of entry i of a tile along one axis, for a thread at place `at` of 8
#define PLACE(i, at) (((i) / VECTOR) * 8 * VECTOR + VECTOR * (at) + (i) % VECTOR)

extern "C" __global__ void __launch_bounds__(64) newton_schulz(
    const float *g, float *out, const float *eps, int rows, int cols, int clamp, int steps, float a, float b, float c) {
    extern __shared__ float4 memory[];
    float *x = (float *)memory, *xt = x + SIDE * STRIDE, *m = xt + SIDE * STRIDE;
    __shared__ double sums[64];  // squares of floats neither overflow nor underflow in it
    int thread = threadIdx.x, row = thread / 8, col = thread % 8;
    bool tall = rows > cols;
    g += (long long)blockIdx.x * rows * cols;
    out += (long long)blockIdx.x * rows * cols;

    double sum = 0.0;
    for (int k = thread; k < SIDE * SIDE; k += 64) {
        int i = k / SIDE, j = k % SIDE;
        float v = i < rows && j < cols ? g[i * cols + j] : 0.0f;
        sum = fma((double)v, (double)v, sum);
        (tall ? xt : x)[i * STRIDE + j] = v;
    }
    sums[thread] = sum;
    __syncthreads();
    for (int half = 32; half; half /= 2) {
        if (thread < half) sums[thread] += sums[thread + half];
        __syncthreads();
    }
    double size = sqrt(sums[0]), least = eps[blockIdx.x];
    size = clamp ? (size < least ? least : size) : size + least;
    if (size == 0.0) size = 1.0;
    float *held = tall ? xt : x, *turned = tall ? x : xt;
    for (int k = thread; k < SIDE * SIDE; k += 64) {
        int i = k / SIDE, j = k % SIDE;
        float v = (float)(held[i * STRIDE + j] / size);
        held[i * STRIDE + j] = v;
        turned[j * STRIDE + i] = v;
    }
    __syncthreads();

    float t[TILE][TILE];
    for (int step = 0; step < steps; step++) {
        product(xt, xt, t, row, col);  // the Gram matrix A = X X^T
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j += VECTOR) *(PACK *)&m[PLACE(i, row) * STRIDE + PLACE(j, col)] = *(PACK *)&t[i][j];
        __syncthreads();
        product(m, m, t, row, col);  // A A, A being symmetric
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j++) t[i][j] = fmaf(b, m[PLACE(i, row) * STRIDE + PLACE(j, col)], c * t[i][j]);
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j += VECTOR) *(PACK *)&m[PLACE(i, row) * STRIDE + PLACE(j, col)] = *(PACK *)&t[i][j];
        __syncthreads();
        product(m, x, t, row, col);  // (b A + c A A) X
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j++) t[i][j] = fmaf(a, x[PLACE(i, row) * STRIDE + PLACE(j, col)], t[i][j]);
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < TILE; i++)
            #pragma unroll
            for (int j = 0; j < TILE; j++) {
                x[PLACE(i, row) * STRIDE + PLACE(j, col)] = t[i][j];
                xt[PLACE(j, col) * STRIDE + PLACE(i, row)] = t[i][j];
            }
        __syncthreads();
    }
    for (int k = thread; k < rows * cols; k += 64) out[k] = (tall ? xt : x)[k / cols * STRIDE + k % cols];
}
