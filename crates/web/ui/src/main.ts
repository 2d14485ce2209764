import { mount } from 'svelte';
import 'uplot/dist/uPlot.min.css';
import './app.css';
import App from './App.svelte';
import { live } from './live.svelte.ts';
import { theme } from './theme.svelte.ts';

theme.start();
live.start();
mount(App, { target: document.getElementById('app')! });
