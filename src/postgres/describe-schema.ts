export const describeSchema = 1;
