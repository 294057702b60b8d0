/** Data sets that come with R, as the reference values in these tests were computed from them. */

/** `sleep` of R's datasets: extra hours of sleep of ten patients under two drugs (Cushny and Peebles, 1905). */
export const sleep = {
  first: [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2],
  second: [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
}

/** `PlantGrowth` of R's datasets: dried weight of plants under a control and two treatments (Dobson, 1983). */
export const plants = {
  control: [4.17, 5.58, 5.18, 6.11, 4.5, 4.61, 5.17, 4.53, 5.33, 5.14],
  first: [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
  second: [6.31, 5.12, 5.54, 5.5, 5.37, 5.29, 4.92, 6.15, 5.8, 5.26]
}
